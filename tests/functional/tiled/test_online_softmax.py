"""The online softmax, by hand."""

import numpy as np

from numpy_attention.functional.tiled.online_softmax import (
    backward_tile,
    finish,
    include,
    recompute_weights,
    start,
)


def test_the_online_softmax_by_hand():
    """Scores log 2, then log 4 and 0, of values 1, 2, 3: weights 2/7, 4/7, 1/7."""
    so_far = start(None, np.zeros((1, 1)))
    exponentials, shrink, so_far = include(so_far, np.log([[2.0]]))
    assert (exponentials, shrink) == (1, 0)
    so_far = so_far._replace(out=so_far.out + exponentials @ [[1.0]])
    exponentials, shrink, so_far = include(so_far, np.log([[4.0, 1.0]]))
    assert np.allclose(exponentials, [[1, 0.25]], rtol=1e-15)
    assert np.allclose(shrink, 0.5, rtol=1e-15)
    out, lse, _ = finish(so_far._replace(out=so_far.out + exponentials @ [[2.0], [3.0]]), np.array([[True]]))
    assert np.allclose(out, 13 / 7, rtol=1e-15)
    assert np.allclose(lse, np.log(7), rtol=1e-15)


def test_a_sink_is_a_score_seen_before_the_first_tile():
    top, summed, out = start(np.array([3.0, -np.inf]), np.zeros((2, 1, 4)))
    assert top.tolist() == [[[3.0]], [[-np.inf]]]
    assert summed.tolist() == [[[1.0]], [[0.0]]]
    assert out.shape == (2, 1, 4)


def test_higher_score_rescales_the_output():
    _, shrink, so_far = include(start(None, np.zeros((1, 1))), np.zeros((1, 1)))
    _, shrink, so_far = include(so_far._replace(out=np.array([[6.0]])), np.log([[3.0]]))
    assert np.allclose([shrink[0, 0], so_far.out[0, 0], so_far.summed[0, 0]], [1 / 3, 2, 4 / 3], rtol=1e-15)


def test_fully_masked_row_gives_zero_and_an_lse_of_minus_infinity():
    with np.errstate(all="ignore"):
        _, _, so_far = include(start(None, np.zeros((1, 2))), np.full((1, 3), -np.inf))
        out, lse, _ = finish(so_far, np.array([[False]]))
    assert (out.tolist(), lse.tolist()) == ([[0, 0]], [-np.inf])


def test_tile_backward_by_hand():
    """Weights 1/4 and 1/2 of a row whose third weight, 1/4, is in another tile."""
    weights = recompute_weights(
        np.log([[1.0, 2.0, 5.0]]), np.log([[4.0]]), 0, np.array([[True, True, False]])
    )
    assert np.allclose(weights, [[0.25, 0.5, 0]], rtol=1e-15)
    d_weights, delta, d_lse = np.array([[8.0, -4.0, np.nan]]), np.array([[1.0]]), np.array([[3.0]])
    d_masked = backward_tile(d_weights, weights, delta, d_lse, np.array([[True, True, False]]))
    assert np.allclose(d_masked, [[0.25 * (8 - 1 + 3), 0.5 * (-4 - 1 + 3), 0]], rtol=1e-15)
