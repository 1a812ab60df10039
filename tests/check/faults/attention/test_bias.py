"""Mistakes with the bias, by hand: two rows of two keys, d_scores (-1/2, 1/2) and (-3/2, 3/2)."""

from math import log

import numpy as np
import pytest

from tests.support.fault_problems import TWO_KEYS, changed, drawn, is_active, wrong

_, KEY, VALUE, _ = TWO_KEYS
TWO_ROWS = (np.ones((2, 1)), KEY, VALUE, np.array([[1.0], [3.0]]))
SHARED = np.zeros((1, 2))
OWN = np.zeros((2, 2))

D_BIAS = {  # (-2, 2) if right
    "bias-gradient-not-summed": (-0.5, 0.5),
    "bias-gradient-averaged": (-1, 1),
    "bias-without-gradient": (0, 0),
}


@pytest.mark.parametrize("name, d_bias", D_BIAS.items())
def test_gradient_of_a_shared_bias_by_hand(name, d_bias):
    np.testing.assert_allclose(wrong(name, *TWO_ROWS, bias=SHARED)["d_bias"], [d_bias])
    assert is_active(name, *TWO_ROWS, bias=SHARED)


@pytest.mark.parametrize("name", ["bias-gradient-not-summed", "bias-gradient-averaged"])
def test_a_bias_of_all_pairs_hides_the_sum(name):
    assert not changed(name, *TWO_ROWS, bias=OWN)
    assert not is_active(name, *TWO_ROWS, bias=OWN)


def test_scaled_bias_by_hand():
    """weights (1, 9) / 10 for (1, 3) / 4."""
    bias = np.array([[0, log(3)]])
    np.testing.assert_allclose(wrong("bias-scaled", *TWO_KEYS, bias=bias, scale=2.0)["weights"], [[0.1, 0.9]])
    assert not is_active("bias-scaled", *TWO_KEYS, bias=bias)  # the default scale is 1


def test_transposed_bias_by_hand():
    bias = np.array([[0, log(3)], [0, 0]])
    weights = wrong("bias-transposed", *TWO_ROWS, bias=bias)["weights"]
    np.testing.assert_allclose(weights, [[0.5, 0.5], [0.75, 0.25]])


def test_one_head_hides_the_mistakes_between_heads():
    bias = np.random.default_rng(1).standard_normal((2, 1, 3))
    arrays = drawn(2, 2, 3, 3, 4, 2)
    assert changed("bias-gradient-per-head-lost", *arrays, bias=bias) == {"d_bias"}
    assert changed("bias-of-the-first-head", *arrays, bias=bias) >= {"out", "weights", "lse"}
    for name in ("bias-gradient-per-head-lost", "bias-of-the-first-head"):
        assert not changed(name, *arrays, bias=bias[:1])
        assert not is_active(name, *arrays, bias=bias[:1])
