"""One test for each convention of attention on which implementations differ."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.arrays import Pair
from tests.support.known_numbers import all_numbers, drawn

U = 2.0**-53


def test_the_default_scale_is_one_over_the_root_of_the_width():
    for D, scale in ((4, 0.5), (16, 0.25), (1, 1.0), (3, 1 / math.sqrt(3))):
        _, saved = na.attention_forward(np.ones((1, D)), np.ones((2, D)), np.ones((2, 1)))
        assert saved.scores[0, 0] == scale * D
    _, saved = na.attention_forward(np.ones((1, 0)), np.ones((2, 0)), np.array([[2.0], [4.0]]))
    assert saved.weights.tolist() == [[0.5, 0.5]]
    assert saved.steps_saved.score.scale == 1


def test_query_head_h_reads_key_head_h_divided_by_the_size_of_its_group():
    """Six query heads on two key heads: 0 0 0 1 1 1, and not 0 1 0 1 0 1; the same for value."""
    query, (key,) = np.zeros((6, 1, 3)), drawn((2, 5, 3))
    value = np.stack([np.full((5, 1), 10.0), np.full((5, 1), 100.0)])
    out = na.attention(query, key, value)
    np.testing.assert_allclose(out.ravel(), [10.0] * 3 + [100.0] * 3, rtol=1e-15)
    query = drawn((6, 7, 3), seed=1)[0]
    _, saved = na.attention_forward(query, key, value)
    for h in range(6):
        np.testing.assert_allclose(saved.scores[h], query[h] @ key[h // 3].T / math.sqrt(3), rtol=1e-12)


# ------------------------------------------------------------------------------------ fully masked rows

FULLY_MASKED = {
    "hidden": dict(mask=na.hidden(np.arange(5)[:, None] == 3)),
    "biased by -inf": dict(bias=np.where(np.arange(5)[:, None] == 3, -np.inf, 0.0)),
}


@pytest.mark.parametrize("why", FULLY_MASKED)
def test_fully_masked_row_gives_zero_weights_zero_lse_minus_infinity_and_no_gradient(why):
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    out, weights, lse, d_query, d_key, d_value, *_ = all_numbers(query, key, value, **FULLY_MASKED[why])
    assert not out[3].any()
    assert not weights[3].any()
    assert lse[3] == -np.inf
    assert not d_query[3].any()
    assert np.isfinite(np.delete(lse, 3)).all()
    without = np.delete(query, 3, axis=0)
    np.testing.assert_allclose(np.delete(out, 3, axis=0), na.attention(without, key, value), rtol=1e-14)
    assert all(np.isfinite(d).all() for d in (d_query, d_key, d_value))


def test_no_keys_at_all():
    query, key, value = drawn((5, 3), (0, 3), (0, 2))
    out, weights, lse, d_query, d_key, d_value = all_numbers(query, key, value)
    assert out.tolist() == np.zeros((5, 2)).tolist()
    assert weights.shape == (5, 0)
    assert (lse == -np.inf).all()
    assert not d_query.any()
    assert d_key.shape == (0, 3)
    assert d_value.shape == (0, 2)


def test_fully_masked_row_with_a_sink_has_its_score_as_lse_and_d_lse_flows_there():
    query, key, value = drawn((2, 5, 3), (2, 7, 3), (2, 7, 2))
    sinks = np.array([0.25, -3.0])
    out, saved = na.attention_forward(query, key, value, sinks=sinks, **FULLY_MASKED["hidden"])
    assert not out[:, 3].any()
    assert (saved.lse[:, 3] == sinks).all()
    d_lse = np.zeros((2, 5))
    d_lse[:, 3] = [7.0, 11.0]
    gradients = na.attention_backward(np.zeros_like(out), saved, d_lse=d_lse)
    assert gradients.d_sinks.tolist() == [7.0, 11.0]
    assert not any(np.any(d) for d in gradients[:3])


def test_lse_includes_the_sinks():
    _, saved = na.attention_forward(np.zeros((1, 1)), np.zeros((3, 1)), np.zeros((3, 1)), sinks=np.log(5.0))
    assert saved.lse[0] == pytest.approx(math.log(8), rel=4 * U)
    assert saved.weights[0] == pytest.approx([1 / 8] * 3, rel=4 * U)


def test_a_sink_of_minus_infinity_has_no_effect():
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    mask = FULLY_MASKED["hidden"]["mask"]
    with_sink = all_numbers(query, key, value, mask=mask, sinks=np.array(-np.inf))
    assert with_sink.pop() == 0  # d_sinks
    for x, y in zip(with_sink, all_numbers(query, key, value, mask=mask), strict=True):
        assert np.array_equal(x, y)


# ------------------------------------------------------------------------------------ how exact


def test_narrow_arrays_are_computed_in_float64_and_rounded_once():
    """In float16 the sum of 2,000 values of 1/2,000 would stop growing early."""
    n = 2000
    query, key = np.zeros((1, 1), np.float16), np.zeros((n, 1), np.float16)
    value = np.linspace(0, 1, n, dtype=np.float16)[:, None]
    assert na.attention(query, key, value)[0, 0] == np.float16(value.astype(float).mean())
    _, saved = na.attention_forward(query, key, value)
    assert saved.weights.dtype == saved.lse.dtype == np.float64


def test_values_too_large_for_float16_overflow_at_the_last_cast_only():
    large = np.full((1, 1), 6e4, np.float16)
    out, saved = na.attention_forward(large, large, large, dropout=np.full((1, 1), 2.0))
    assert out.dtype == np.float16
    assert out[0, 0] == np.inf
    assert saved.scores[0, 0] == np.float64(large[0, 0]) ** 2  # 3.6e9, beyond float16
    with np.errstate(all="raise"):
        assert na.attention_backward(large, saved).d_value[0, 0] == np.inf
    assert na.attention(large, large, large)[0, 0] == large[0, 0]


def test_optional_arguments_never_promote():
    query, key, value = drawn((5, 3), (7, 3), (7, 2), dtype=np.float32)
    wide = dict(bias=np.zeros((5, 7)), scale=1.0, sinks=np.zeros(()), dropout=np.ones((5, 7)))
    assert na.attention(query, key, value, **wide).dtype == np.float32
    gradients = na.attention_backward(
        np.ones((5, 2)), na.attention_forward(query, key, value, **wide)[1], d_lse=np.ones(5)
    )
    assert [np.asarray(d).dtype for d in gradients] == [np.float32] * 3 + [np.float64] * 3


@pytest.mark.parametrize("with_sink", [False, True])
def test_the_softmax_backward_is_pinned_at_the_peak(with_sink):
    """The winner leads by 36: p (1 - p) to its last digits, of which the textbook form has none."""
    getcontext().prec = 50
    rest = Decimal(-36).exp() / (1 + Decimal(-36).exp())
    d_out = np.array([[1.0]])
    if with_sink:
        query, key, value = np.zeros((1, 1)), np.zeros((1, 1)), np.array([[5.0]])
        _, saved = na.attention_forward(query, key, value, sinks=np.array(36.0), bias=np.zeros((1, 1)))
        gradients = na.attention_backward(d_out, saved)
        expected = float(5 * rest * (1 - rest))
        assert gradients.d_bias[0, 0] == pytest.approx(expected, rel=16 * U)
        assert gradients.d_sinks == pytest.approx(-expected, rel=16 * U)
    else:
        _, saved = na.attend_forward(np.array([[36.0, 0.0]]), np.array([[5.0], [3.0]]))
        expected = float(2 * rest * (1 - rest))
        d_scores = na.attend_backward(d_out, saved).d_scores[0]
        assert d_scores == pytest.approx([expected, -expected], rel=16 * U)


def test_the_derivative_of_softcap_is_sech_squared():
    """At twenty times the cap: 4 exp(-40) / (1 + exp(-40))², where 1 - tanh² has no digit left."""
    getcontext().prec = 50
    small = Decimal(-40).exp()
    slope = float(4 * small / (1 + small) ** 2)
    _, saved = na.attend_forward(
        np.array([[20.0, 0.0]]), np.array([[1.0], [0.0]]), softcap=1.0, bias=np.zeros((1, 2))
    )
    gradients = na.attend_backward(np.array([[1.0]]), saved)
    assert gradients.d_scores[0, 0] == pytest.approx(slope * gradients.d_bias[0, 0], rel=64 * U)


# ---------------------------------------------------------------------------- meaning of options


def test_softcap_comes_before_bias_and_mask():
    """A cap after the mask would leak: 2 tanh(-inf / 2) = -2 is visible."""
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    _, saved = na.attention_forward(query, key, value, softcap=2.0, mask=na.padding(4), bias=np.full(7, 30.0))
    assert (saved.weights[:, 4:] == 0).all()
    assert (saved.biased > 27).all()


def test_d_weights_is_the_cotangent_of_the_weights_before_dropout():
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    d_weights = drawn((5, 7), seed=3)[0]

    def d_query(dropout):
        _, saved = na.attention_forward(query, key, value, dropout=dropout)
        return na.attention_backward(np.zeros((5, 2)), saved, d_weights=d_weights).d_query

    assert np.array_equal(d_query(np.zeros((5, 7))), d_query(None))
    assert d_query(None).any()


def test_lse_is_that_of_the_softmax_step_in_use():
    """Softmax "off by one" is a sink of 0, here as another step 5."""

    def off_by_one(masked, sinks, visible):
        return na.STEPS.softmax.forward(masked, np.zeros(()), visible)

    other = na.attention_with(na.STEPS._replace(softmax=Pair(off_by_one, na.STEPS.softmax.backward)))
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    _, saved = other.forward(query, key, value)
    _, with_sink = na.attention_forward(query, key, value, sinks=np.zeros(()))
    assert np.array_equal(saved.lse, with_sink.lse)
