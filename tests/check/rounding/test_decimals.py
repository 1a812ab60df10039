"""Functions against known values, rounding against NumPy's."""

import math
from decimal import Decimal

import numpy as np
import pytest

from numpy_attention.check.rounding.decimals import (
    DIGITS,
    PI,
    digits,
    erfc,
    exact,
    expm1,
    log1p,
    nearest,
    sech,
    spacing,
    tanh,
    ulps,
)

KNOWN = [  # to sixty digits, by mpmath 1.3
    (expm1, "1e-20", "1.00000000000000000000500000000000000000001666666666666666667e-20"),
    (expm1, "-2.5", "-9.17915001376101204830471325532840192162195878984563351154242e-1"),
    (expm1, "3", "19.0855369231876677409285296545817178969879078385541501443789"),
    (log1p, "1e-22", "9.99999999999999999999950000000000000000000003333333333333333e-23"),
    (log1p, "0.5", "4.05465108108164381978013115464349136571990423462494197614014e-1"),
    (tanh, "0.3", "2.91312612451590905818221272823765928153596804917612174414312e-1"),
    (tanh, "-20", "-9.99999999999999991503291489416822045438558191190987257130475e-1"),
    (tanh, "1e-200", "1.0e-200"),
    (sech, "1", "6.48054273663885399574977353226150323108489312071942023037865e-1"),
    (sech, "800", "7.3357491683553744269109913085215964309392684532252814101383e-348"),
    (erfc, "0.3", "6.71373240540872572361085952133243448830081903737324177390857e-1"),
    (erfc, "-1", "1.84270079294971486934122063508260925929606699796630290845994"),
    (erfc, "2.9", "4.10978780994588356838674888757947997016889573311644091739507e-5"),
    (erfc, "5.5", "7.35784791797439806306836239857009020822308496945187606299275e-15"),
    (erfc, "27", "5.23704892378925568501606768284954709093391254796867079959922e-319"),
]


@pytest.mark.parametrize("function, x, y", KNOWN)
def test_known_values(function, x, y):
    with digits(80):
        expected = Decimal(y)
        figures = len(expected.as_tuple().digits)
    with digits():
        got = function(Decimal(x))
        assert abs(got / expected - 1) < max(Decimal(10) ** (2 - DIGITS), Decimal(10) ** (1 - figures))


def test_functions_keep_their_digits_however_small_or_large():
    with digits():
        for x in ("1e-300", "1e-30", "1e-3", "7", "4e4"):
            x = Decimal(x)
            assert abs(tanh(x) + tanh(-x)) == 0
            assert abs((1 - sech(x) ** 2) - tanh(x) ** 2) <= Decimal("1e-48")
            assert abs(log1p(expm1(x)) / x - 1) < Decimal("1e-47")
            assert abs((1 + expm1(x)) / x.exp() - 1) < Decimal("1e-48")
        assert str(PI)[:50] == "3.141592653589793238462643383279502884197169399375"


def test_exact_is_the_very_number():
    x = np.array([0.75, 2.0**-1074, -np.inf])
    with digits(800):
        assert exact(x).tolist() == [Decimal("0.75"), Decimal(2) ** -1074, Decimal("-Infinity")]
    assert exact(np.float16(0.1))[()] == Decimal("0.0999755859375")
    assert exact(np.zeros((0, 3))).shape == (0, 3)
    third = np.array([Decimal(1) / 3], dtype=object)
    assert exact(third)[0] == third[0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rounding_and_spacing_are_numpys(dtype):
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    sizes = 2.0 ** rng.integers(info.minexp - info.nmant - 1, info.maxexp, 500)
    x = rng.choice([-1, 1], 500) * rng.uniform(1, 2, 500) * sizes
    with np.errstate(all="ignore"):
        rounded = x.astype(dtype)
        steps = np.spacing(abs(rounded))
    for number, float_, step in zip(x.tolist(), rounded.tolist(), steps.tolist(), strict=True):
        assert nearest(Decimal(number), dtype) == float_
        if math.isfinite(float_):
            exactly_there = Decimal(float_)
            assert spacing(exactly_there, dtype) == step
            assert ulps(float_, exactly_there, dtype) == 0
            assert abs(ulps(float_, Decimal(number), dtype)) <= 0.5


def test_rounding_is_done_once():
    """Just beside the middle of two float32, where a float64 lies on it, and on it."""
    middle = Decimal(1) + Decimal(2) ** -24
    little = Decimal(10) ** -40
    with digits(60):
        assert nearest(middle + little, "float32") == 1 + 2.0**-23
        assert nearest(middle - little, "float32") == 1
        assert nearest(-middle - little, "float32") == -1 - 2.0**-23
        assert nearest(middle, "float32") == 1  # the even one
        assert nearest(middle + Decimal(2) ** -23, "float32") == 1 + 2.0**-22


def test_the_largest_and_the_smallest():
    assert nearest(Decimal("65519.99"), "float16") == 65504
    assert nearest(Decimal(65520), "float16") == np.inf
    assert nearest(Decimal("-1e400"), float) == -np.inf
    assert nearest(Decimal("1e-400"), "float32") == 0
    assert math.copysign(1, nearest(Decimal("-1e-400"), "float16")) == -1
    assert ulps(np.inf, Decimal(70000), "float16") == 0
    assert ulps(np.inf, Decimal(60000), "float16") == np.inf
    assert ulps(-np.inf, Decimal("-Infinity"), float) == 0
    assert ulps(5e-324, Decimal(0), float) == 1


def test_units_change_at_a_power_of_two():
    below = Decimal(2) - Decimal(2) ** -80
    assert spacing(below, float) == 2.0**-52
    assert spacing(Decimal(2), float) == 2.0**-51
    assert ulps(2.0, below, float) == pytest.approx(2.0**-28)
