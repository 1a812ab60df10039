"""Formulas that avoid overflow and cancellation, against exact values and the complex step."""

import math

import numpy as np
import pytest

from numpy_attention.functional.base.stable import (
    decay,
    entry_at_peak,
    finite_shift,
    log1p,
    not_minus_infinity,
    row_maximum,
    sech_squared,
    sink_weights,
)

INF = np.inf


def test_row_maximum_keeps_the_axis_and_is_minus_infinity_for_empty_rows():
    assert row_maximum(np.array([[1.0, 3.0], [-INF, -INF]])).tolist() == [[3], [-INF]]
    for dtype in (float, complex):
        assert row_maximum(np.zeros((2, 0), dtype)).tolist() == [[-INF], [-INF]]


def test_row_maximum_of_complex_rows_is_by_real_part():
    assert row_maximum(np.array([[1 + 9j, 3 - 2j]])).tolist() == [[3 - 2j]]


def test_finite_shift_replaces_infinities_and_nan_by_0():
    assert finite_shift(np.array([2.0, INF, -INF, np.nan])).tolist() == [2, 0, 0, 0]


def test_not_minus_infinity_is_none_without_minus_infinity():
    assert not_minus_infinity(np.array([[0.0, INF]])) is None
    assert not_minus_infinity(np.zeros((2, 0))) is None
    assert not_minus_infinity(np.array([[0.0, -INF]])).tolist() == [[True, False]]


def test_entry_at_peak_selects_by_weight():
    x, weights = np.array([[5.0, 7.0], [2.0, 3.0]]), np.array([[0.9, 0.1], [0.5, 0.5]])
    assert entry_at_peak(x, weights).tolist() == [[5], [2]]
    assert entry_at_peak(np.zeros((3, 0)), np.zeros((3, 0))).tolist() == [[0]] * 3


def test_an_infinite_sink_has_no_weight_or_all_of_it():
    sinks, quotients = np.array([-np.inf, 2.0, np.inf, np.inf + 0j]), np.array([np.nan, 0.25, np.nan, np.nan])
    assert sink_weights(quotients, sinks).tolist() == [0, 0.25, 1, 1]


def test_decay_of_float32_is_exp_rounded_once():
    x = np.linspace(-80, 80, 1009, dtype=np.float32)
    np.testing.assert_array_equal(decay(x), np.exp(-abs(x.astype(float))).astype(np.float32))


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.25, 0.4999, 0.5, 3.0, 40.0, 1000.0])
def test_sech_squared_and_its_derivative_keep_their_digits(x):
    """sech² = 1 / cosh², with derivative -2 sech² tanh; both are even and odd in x."""
    exact = 1 / math.cosh(x) ** 2 if x < 700 else 0
    for sign in (1, -1):
        assert sech_squared(np.array(sign * x)) == pytest.approx(exact, rel=4e-15, abs=0)
        step = sech_squared(np.array(sign * x + 1e-100j)).imag / 1e-100
        assert step == pytest.approx(-2 * exact * math.tanh(sign * x), rel=4e-15, abs=0)


def test_sech_squared_reuses_tanh():
    x = np.array([0.3, -2.0])
    np.testing.assert_array_equal(sech_squared(x, np.tanh(x)), sech_squared(x))


def test_log1p_of_complex_numbers_keeps_a_small_real_part():
    assert log1p(np.array(1e-30 + 0j)) == 1e-30
    assert log1p(np.array(-0.5 + 0.5j)) == pytest.approx(complex(np.log(0.5 + 0.5j)), rel=1e-15)
    assert log1p(np.array(0.5)) == np.log1p(0.5)
