"""silu and softplus."""

import math

import numpy as np

import numpy_attention as na

EPS = np.finfo(float).eps


def test_by_hand() -> None:
    np.testing.assert_allclose(na.silu([0, math.log(3)]), [0, 0.75 * math.log(3)], rtol=2 * EPS)
    np.testing.assert_allclose(na.softplus([0, math.log(3)]), [math.log(2), math.log(4)], rtol=2 * EPS)


def test_identities_with_sigmoid() -> None:
    x = np.linspace(-30, 30, 601)
    np.testing.assert_allclose(na.softplus(x) - na.softplus(-x), x, rtol=4 * EPS, atol=4 * EPS)
    np.testing.assert_allclose(na.silu(x), x * na.sigmoid(x), rtol=4 * EPS)
    slope = na.softplus_backward(np.ones_like(x), na.softplus_forward(x)[1])
    np.testing.assert_array_equal(slope, na.sigmoid(x))


def test_far_below_zero_softplus_is_exp() -> None:
    x = np.array([-40.0, -300.0, -700.0])
    np.testing.assert_allclose(na.softplus(x), np.exp(x), rtol=4 * EPS)
