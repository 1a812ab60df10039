"""The complex step beside a gradient: right to the last digits, and red where it should be."""

import numpy as np
import pytest

from numpy_attention.study.derivatives import derivative

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])
D_OUT = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def test_the_derivative_of_what_is_known():
    right = D_OUT * np.exp(X)
    told = derivative(right, X, np.exp, D_OUT, reach=1)
    np.testing.assert_allclose(told.exact, right, rtol=4 * np.finfo(float).eps)
    assert told.ok
    assert told.difference <= 1e-15


@pytest.mark.parametrize("place", list(np.ndindex(X.shape)))
def test_one_wrong_entry_is_seen(place):
    wrong = D_OUT * np.exp(X)
    wrong[place] *= 1 + 1e-9
    told = derivative(wrong, X, np.exp, D_OUT, reach=1)
    assert not told.ok
    assert told.difference == pytest.approx(1e-9 * abs(wrong[place]), rel=1e-3)


def test_nan_is_never_right():
    wrong = D_OUT * np.exp(X)
    wrong[0, 0] = np.nan
    assert not derivative(wrong, X, np.exp, D_OUT, reach=1).ok


def test_what_cannot_move_has_gradient_zero():
    free = X > 0
    right = np.where(free, D_OUT * np.exp(X), 0)
    assert derivative(right, X, np.exp, D_OUT, 1, free).ok
    assert not derivative(D_OUT * np.exp(X), X, np.exp, D_OUT, 1, free).ok


def test_one_number():
    told = derivative(np.array(6.0), np.array(3.0), lambda x: x * x, np.array(1.0), reach=1)
    assert told.exact == 6
    assert told.ok


def test_rounding_where_all_cancels_is_no_mistake():
    """The gradient of x @ 0-sum is 0; what is left is rounding of numbers as large as `reach`."""
    noise = derivative(np.full(3, 3e-13), np.ones(3), lambda x: 0 * x, np.ones(3), reach=1e3)
    assert noise.ok
    assert not noise._replace(ours=np.full(3, 1e-11)).ok
