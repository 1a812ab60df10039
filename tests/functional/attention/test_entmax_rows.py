"""Rows of entmax: weights and derivatives that a hand can compute, and c by α at a fixed weight."""

import numpy as np
import pytest

from numpy_attention.functional.attention.entmax_rows import entmax_rows, slope_by_alpha


def test_sparsemax_and_softmax_by_hand() -> None:
    """α = 2: derivatives are 1 on the support; α = 1: they are the weights."""
    rows = np.array([[0.0, -0.5, -2.0], [0.0, -np.log(3), -np.inf]])
    with np.errstate(invalid="ignore"):  # 0 * -inf, as its callers do
        weights, derivatives = entmax_rows(rows, np.array([[1.0], [0.0]]))
    np.testing.assert_allclose(weights, [[0.75, 0.25, 0], [0.75, 0.25, 0]], rtol=1e-15)
    np.testing.assert_allclose(derivatives, [[1, 1, 0], [0.75, 0.25, 0]], rtol=1e-15)


def test_rows_without_entries() -> None:
    assert [x.shape for x in entmax_rows(np.zeros((3, 0)), np.array([0.5]))] == [(3, 0), (3, 0)]


@pytest.mark.parametrize("order", [-0.4, 0.3, 1.2, 5.0])
def test_c_by_alpha_is_that_of_the_complex_step(order: float) -> None:
    """At a fixed weight p, x - c = (p^ε - 1) / ε."""
    weights, step = np.array([1e-9, 0.03, 0.4, 0.99]), order + 1e-30j
    expected = -((weights**step - 1) / step).imag / 1e-30
    np.testing.assert_allclose(slope_by_alpha(weights, np.array(order)), expected, rtol=1e-10)


def test_c_by_alpha_at_softmax_and_for_a_weight_of_0() -> None:
    found = slope_by_alpha(np.array([0.0, 0.2]), np.array(0.0))
    np.testing.assert_allclose(found, [0, -(np.log(0.2) ** 2) / 2], rtol=1e-15)
