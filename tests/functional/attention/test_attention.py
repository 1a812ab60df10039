"""Attention as a whole: hand-computed numbers, dtypes, shapes, saved, other steps."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.arrays import Pair

E = math.e


def near(expected, ulps=8):
    return pytest.approx(expected, rel=ulps * 2.0**-53, abs=0)


# --------------------------------------------------------------------------- numbers by hand


def test_scores_of_0_and_1_weigh_1_and_e():
    """weights [1, e] / (1 + e): the values 0 and 1 give the second weight back."""
    query, key, value = [[1.0]], [[0.0], [1.0]], [[0.0], [1.0]]
    out, saved = na.attention_forward(*map(np.array, (query, key, value)))
    assert saved.scores.tolist() == [[0.0, 1.0]]
    assert saved.weights[0] == near([1 / (1 + E), E / (1 + E)])
    assert saved.lse[0] == near(math.log(1 + E))
    assert out[0, 0] == near(E / (1 + E))
    assert na.attention(query, key, value)[0, 0] == out[0, 0]


def test_gradients_by_hand():
    """p = e / (1 + e). out = 5 p: d_scores = ±5 p (1 - p), and everything else follows from that."""
    query, key, value = np.array([[1.0]]), np.array([[0.0], [1.0]]), np.array([[2.0], [7.0]])
    _, saved = na.attention_forward(query, key, value, scale=1.0, bias=np.zeros((1, 2)))
    g = na.attention_backward(np.array([[1.0]]), saved)
    p = E / (1 + E)
    slope = 5 * p * (1 - p)
    assert g.d_value.ravel() == near([1 - p, p])
    assert g.d_bias.ravel() == near([-slope, slope])
    assert g.d_query.ravel() == near([slope])  # key is [0, 1]
    assert g.d_key.ravel() == near([-slope, slope])  # query is [1]
    assert g.d_scale == near(slope)
    assert g.d_sinks is None


def test_equal_keys_get_equal_weights():
    query, key = np.full((2, 3), 0.7), np.full((5, 3), 0.9)
    value = np.arange(10.0).reshape(5, 2) ** 2
    out, saved = na.attention_forward(query, key, value)
    assert saved.weights == near(np.full((2, 5), 0.2))
    assert out == near(np.array([value.mean(axis=0)] * 2))


def test_softcap_bias_sink_and_dropout_by_hand():
    """scores [log 3, 0], capped at 2: [1, 0]; bias [0, 1]: [1, 1]; a sink of 1: thirds; dropout [2, 0]."""
    out, saved = na.attention_forward(
        np.array([[math.log(3)]]), np.array([[1.0], [0.0]]), np.array([[6.0], [60.0]]),
        softcap=2.0, bias=np.array([0.0, 1.0]), sinks=np.array(1.0), dropout=np.array([[2.0, 0.0]]),
    )  # fmt: skip
    assert saved.capped == near(np.array([[1.0, 0.0]]))
    assert saved.biased == near(np.array([[1.0, 1.0]]))
    assert saved.weights == near(np.array([[1 / 3, 1 / 3]]))
    assert saved.lse == near(np.array([1 + math.log(3)]))
    assert saved.thinned == near(np.array([[2 / 3, 0.0]]))
    assert out == near(np.array([[4.0]]))


# ------------------------------------------------------------------------------- dtypes and saved

ONE = np.ones((1, 1))


def test_the_plain_form_takes_lists_and_whole_numbers():
    assert na.attention([[1, 2]], [[0, 0]], [[3, 4]]).tolist() == [[3.0, 4.0]]
    assert na.attention(np.ones((1, 1), int), ONE, np.full((1, 1), 5)).dtype == np.float64
    out = na.attention([[1]], [[1], [1]], [[0], [8]], bias=[0, 0], scale=1, sinks=0)
    assert out[0, 0] == near(8 * E / (2 * E + 1))
    with pytest.raises(TypeError, match="bias has dtype int64"):
        na.attention_forward(ONE, ONE, ONE, bias=np.zeros((1, 1), int))


def test_a_number_for_a_scale_gives_a_number_for_its_gradient():
    _, saved = na.attention_forward(ONE, ONE, ONE, scale=0.5)
    d_scale = na.attention_backward(ONE, saved).d_scale
    assert isinstance(d_scale, float)
    assert np.shape(d_scale) == ()


def test_optional_arguments_left_out_have_no_gradient():
    _, saved = na.attention_forward(ONE, ONE, ONE)
    gradients = na.attention_backward(ONE, saved)
    assert gradients._fields == ("d_query", "d_key", "d_value", "d_bias", "d_scale", "d_sinks")
    assert gradients[3:] == (None, None, None)
    assert (saved.capped, saved.biased, saved.masked, saved.thinned) == (None,) * 4


def test_repr_of_saved_shows_shapes():
    _, saved = na.attention_forward(np.ones((5, 3)), np.ones((7, 3)), np.ones((7, 2)), mask=na.padding(4))
    assert repr(saved).startswith(
        "AttentionSaved(scores=float64(5, 7), capped=None, biased=None, masked=float64(5, 7), "
        "weights=float64(5, 7), lse=float64(5,), thinned=None, "
        "arguments=AttentionArguments(query=float64(5, 3)"
    )


def test_complex64_stays_complex64():
    x = np.ones((2, 2), dtype=np.complex64)
    out, saved = na.attention_forward(x, x + 1, x + 2)
    assert out.dtype == np.complex64
    assert saved.weights.dtype == np.complex128
    assert na.attention_backward(out, saved).d_query.dtype == np.complex64


# ------------------------------------------------------------------------------------- other steps


def test_attention_with_other_steps_uses_them_both_ways():
    def doubled(out, *_):
        right, saved = na.STEPS.values.forward(out, *_)
        return 2 * right, saved

    def halved(d_out, saved):
        return na.STEPS.values.backward(d_out / 2, saved)

    other = na.attention_with(na.STEPS._replace(values=Pair(doubled, halved)))
    out, saved = other.forward(ONE, ONE, 3 * ONE)
    assert out.tolist() == [[6.0]]
    assert other.backward(ONE, saved).d_value.tolist() == [[0.5]]


def test_attention_with_its_own_steps_is_attention():
    rng = np.random.default_rng(7)
    query, key, value = (rng.standard_normal(shape) for shape in ((5, 3), (7, 3), (7, 2)))
    pair = na.attention_with(na.STEPS)
    out, saved = pair.forward(query, key, value, mask=na.causal("bottom_right"))
    assert np.array_equal(out, na.attention(query, key, value, mask=na.causal("bottom_right")))
    again = na.attention_backward(out, saved)
    assert all(map(np.array_equal, pair.backward(out, saved)[:3], again[:3]))
