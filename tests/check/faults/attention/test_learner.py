"""Mistakes of a first derivation: weights (1/2, 1/2), d_weights (1, 3), right d_scores (-1/2, 1/2)."""

import numpy as np
import pytest

from tests.support.fault_problems import TWO_KEYS, changed, drawn, is_active, wrong

D_SCORES = {
    "plain-mean": (-0.5, 0.5),  # as right: equal weights hide it
    "plain-sum": (-1.5, -0.5),
    "outer-weights-forgotten": (-1, 1),
    "softmax-gradient-negated": (0.5, -0.5),
    "divided-by-the-keys": (-0.25, 0.25),
    "weights-minus-d-weights": (-0.5, -2.5),
    "row-sum-of-squared-weights": (0, 1),
    "sum-over-the-whole-array": (-0.5, 0.5),  # as right: there is one row
}


@pytest.mark.parametrize("name, d_scores", D_SCORES.items())
def test_d_scores_by_hand(name, d_scores):
    np.testing.assert_allclose(wrong(name, *TWO_KEYS)["d_key"][:, 0], d_scores)
    assert is_active(name, *TWO_KEYS) == (name != "sum-over-the-whole-array")


def test_ones_in_place_of_d_out():
    """d_value is thinnedᵀ @ d_out = (1/2, 1/2) for any d_out."""
    *arrays, d_out = TWO_KEYS
    assert tuple(wrong("d-out-of-ones", *arrays, 2 * d_out)["d_value"][:, 0]) == (0.5, 0.5)
    assert not is_active("d-out-of-ones", *TWO_KEYS)


@pytest.mark.parametrize("name", ["plain-mean", "plain-sum", "outer-weights-forgotten"])
def test_one_key_hides_the_mean(name):
    arrays = drawn(1, 1, 3, 1, 4, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)
