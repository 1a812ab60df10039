"""Blockwise attention: skipped tiles, memory, peaks, long sequences and planted faults."""

import tracemalloc

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.tiled.online_softmax import ONLINE, RunningSoftmax

RNG = np.random.default_rng(11)


def arrays(*shapes):
    return [RNG.standard_normal(shape) for shape in shapes]


def test_fully_masked_tiles_are_skipped():
    query, key, value = arrays((12, 3), (12, 3), (12, 2))
    computed = []

    def score(*arguments):
        computed.append(arguments[0].shape)
        return na.STEPS.score.forward(*arguments)

    steps = na.STEPS._replace(score=na.Pair(score, na.STEPS.score.backward))
    na.blockwise_attention_with(steps).forward(query, key, value, mask=na.causal(), block=(3, 3))
    assert len(computed) == 4 + 3 + 2 + 1


@pytest.mark.parametrize("pair", ("blockwise_attention", "fast_attention"))
def test_a_score_far_ahead_leaves_the_gradients_their_digits(pair):
    """One score 40 ahead of the others: the true d_scores are of the size exp(-40), below any roundoff."""
    forward, backward = getattr(na, f"{pair}_forward"), getattr(na, f"{pair}_backward")
    query = np.ones((1, 1))
    key = np.array([[0.0], [40.0], [-1.0], [0.5]])
    value, d_out = arrays((4, 3), (1, 3))
    for block in ((1, 1), (1, 3), (1, 4)):
        out, saved = forward(query, key, value, scale=1.0, block=block)
        got = backward(d_out, saved)
        expected, dense = na.attention_forward(query, key, value, scale=1.0)
        d_key = na.attention_backward(d_out, dense).d_key
        assert abs(d_key).max() < 1e-15
        assert (abs(got.d_key - d_key) <= 1e-13 * abs(d_key)).all()


def test_memory_grows_with_the_length_and_not_with_its_square():
    def peak(L):
        query, key, value, d_out = arrays(*[(L, 8)] * 4)
        tracemalloc.start()
        out, saved = na.blockwise_attention_forward(query, key, value, mask=na.window(9, 0), block=(256, 256))
        na.blockwise_attention_backward(d_out, saved)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(4096) <= 2.5 * peak(2048)


@pytest.mark.slow
def test_the_laws_hold_at_a_length_of_sixty_five_thousand():
    """Of fast attention; blockwise attention, which takes many times as long, at a sixteenth."""
    mask = na.window(64, 0)
    for pair, L in (("blockwise_attention", 4096), ("fast_attention", 65536)):
        query, key, value, d_out = (x.astype(np.float32) for x in arrays(*[(L, 8)] * 4))
        out, saved = getattr(na, f"{pair}_forward")(query, key, value, mask=mask, block=(256, 256))
        gradients = getattr(na, f"{pair}_backward")(d_out, saved)
        report = na.laws(query, key, value, out, d_out, gradients, {"mask": mask, "lse": saved.lse})
        assert report.ok, report


@pytest.mark.parametrize("pair", ("blockwise_attention", "fast_attention"))
def test_two_equal_weights_are_not_peaks(pair):
    """Each weight is 1/2, give or take the roundoff of lse."""
    query, key, value, d_out = (x.astype(np.float32) for x in arrays((1, 3), (2, 3), (2, 2), (1, 2)))
    key[1] = key[0]
    for shift in np.linspace(-9, 9, 37):
        bias = np.full((1, 2), shift, np.float32)
        _, saved = getattr(na, f"{pair}_forward")(query, key, value, bias=bias)
        got = getattr(na, f"{pair}_backward")(d_out, saved).d_bias
        _, saved = na.attention_forward(query, key, value, bias=bias)
        expected = na.attention_backward(d_out, saved).d_bias
        assert abs(got - expected).max() <= 2.0**-24 * (8 + 2 * abs(shift)) * abs(value).max() * 4, shift


def test_a_stale_maximum_overflows_and_shows():
    def stale(so_far, masked):
        exponentials = np.exp(masked - so_far.top)
        new = RunningSoftmax(so_far.top, so_far.summed + exponentials.sum(-1, keepdims=True), so_far.out)
        return exponentials, np.ones_like(so_far.top), new

    wrong = na.blockwise_attention_with(online=ONLINE._replace(include=stale))
    query, key, value = arrays((3, 5), (4, 5), (4, 2))
    out, _ = wrong.forward(query, key, value)
    assert not np.isfinite(out).all()


def test_complex_weights_above_the_peak_twice_in_a_row():
    query, key, value = np.zeros((1, 2)), np.zeros((3, 2)), np.array([[1.0], [2.0], [4.0]])
    bias = np.array([[0, 0, np.log(0.75) + 1j * np.pi]])  # weights 0.8, 0.8, -0.6
    expected = na.attention_backward(np.ones((1, 1)), na.attention_forward(query, key, value, bias=bias)[1])
    for block in ((1, 1), (1, 3)):
        _, saved = na.blockwise_attention_forward(query, key, value, bias=bias, block=block)
        got = na.blockwise_attention_backward(np.ones((1, 1)), saved)
        assert np.allclose(got.d_bias, expected.d_bias, rtol=0, atol=1e-14)
