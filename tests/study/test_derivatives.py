"""Gradients by the complex step: right to the last digits, and wrong gradients are rejected."""

import numpy as np
import pytest

from numpy_attention.study.derivatives import derivative, directional

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])
D_OUT = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def test_gradient_of_exp():
    right = D_OUT * np.exp(X)
    checked = derivative(right, X, np.exp, D_OUT, magnitude=1)
    np.testing.assert_allclose(checked.exact, right, rtol=4 * np.finfo(float).eps)
    assert checked.ok
    assert checked.difference <= 1e-15


@pytest.mark.parametrize("place", list(np.ndindex(X.shape)))
def test_one_wrong_entry_is_rejected(place):
    wrong = D_OUT * np.exp(X)
    wrong[place] *= 1 + 1e-9
    checked = derivative(wrong, X, np.exp, D_OUT, magnitude=1)
    assert not checked.ok
    assert checked.difference == pytest.approx(1e-9 * abs(wrong[place]), rel=1e-3)


def test_nan_is_rejected():
    wrong = D_OUT * np.exp(X)
    wrong[0, 0] = np.nan
    assert not derivative(wrong, X, np.exp, D_OUT, magnitude=1).ok


def test_entries_that_cannot_vary_have_gradient_zero():
    free = X > 0
    right = np.where(free, D_OUT * np.exp(X), 0)
    assert derivative(right, X, np.exp, D_OUT, 1, free).ok
    assert not derivative(D_OUT * np.exp(X), X, np.exp, D_OUT, 1, free).ok


def test_gradient_of_a_number():
    checked = derivative(np.array(6.0), np.array(3.0), lambda x: x * x, np.array(1.0), magnitude=1)
    assert checked.exact == 6
    assert checked.ok


def test_rounding_of_large_cancelling_terms_is_tolerated():
    """The gradient of 0 * x is 0; the remainder is rounding error of numbers as large as `magnitude`."""
    noise = derivative(np.full(3, 3e-13), np.ones(3), lambda x: 0 * x, np.ones(3), magnitude=1e3)
    assert noise.ok
    assert not noise._replace(ours=np.full(3, 1e-11)).ok


def test_one_direction_finds_what_entries_find():
    x, d_out = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1.0, 2.0], [-1.0, 0.5]])
    right = 3 * x**2 * d_out
    free = np.array([[True, False], [True, True]])
    assert directional(right, x, lambda x: x**3, d_out, magnitude=30).ok
    assert not directional(right + 1e-9, x, lambda x: x**3, d_out, magnitude=30).ok
    assert not directional(right, x, lambda x: x**3, d_out, magnitude=30, free=free).ok
    assert directional(np.where(free, right, 0), x, lambda x: x**3, d_out, magnitude=30, free=free).ok
    assert not directional(right * np.nan, x, lambda x: x**3, d_out, magnitude=30).ok
