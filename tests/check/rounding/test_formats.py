"""Formats round as hardware does; arithmetics by name."""

import numpy as np
import pytest

from numpy_attention.check.rounding.formats import ARITHMETICS, FORMATS, as_precision, roundoff


def numbers():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(20_000) * 10.0 ** rng.integers(-50, 40, 20_000)
    halves = np.ldexp(np.arange(1, 4097) + 0.5, rng.integers(-30, 4, 4096))
    return np.concatenate([x, halves, -halves, [0.0, -0.0, np.inf, -np.inf, 65520.0, 65519.99]])


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_rounding_agrees_with_numpy(name):
    x = numbers()
    with np.errstate(over="ignore"):
        right = x.astype(name).astype(float)
    np.testing.assert_array_equal(FORMATS[name].rounded(x), right)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2", "float8_e4m3"])
def test_rounding_agrees_with_ml_dtypes(name, peer):
    ml_dtypes = peer("ml_dtypes")
    dtype = getattr(ml_dtypes, {"float8_e4m3": "float8_e4m3fn"}.get(name, name))
    x = numbers()
    x = x[np.abs(x) <= FORMATS[name].largest]  # beyond, e4m3fn has NaN and others infinity
    with np.errstate(over="ignore"):
        right = x.astype(dtype).astype(float)
    finite = np.isfinite(right)
    np.testing.assert_array_equal(FORMATS[name].rounded(x)[finite], right[finite])
    assert finite.mean() > 0.9


def test_nan_stays_and_overflow_is_infinite():
    rounded = FORMATS["float16"].rounded([np.nan, 1e5, -1e5])
    assert np.isnan(rounded[0])
    np.testing.assert_array_equal(rounded[1:], [np.inf, -np.inf])


def test_spacing_is_the_distance_to_the_next_number():
    x = np.array([1.0, 1.5, 3.0, 1e-7, 0.0])
    np.testing.assert_array_equal(FORMATS["float32"].spacing(x)[:4], np.spacing(x[:4].astype("float32")))
    assert FORMATS["float16"].spacing(0.0) == 2.0**-24


def test_the_two_roundoffs_are_apart():
    half = roundoff("bfloat16")
    assert (half.name, half.storage.precision.u, half.arithmetic.u) == ("float32", 2.0**-8, 2.0**-24)
    assert half.kept == half.storage.precision
    assert roundoff("float32", "tf32").arithmetic.operands.u == 2.0**-11
    assert roundoff("float64").name == "float64"
    assert roundoff("float32").kept is None


def test_arithmetic_that_adds_up_in_float32_rounds_once_more():
    bfloat16, float32 = ARITHMETICS["bfloat16"], ARITHMETICS["float32"]
    assert bfloat16.g(100) == pytest.approx(float32.g(100) + 2.0**-8)


@pytest.mark.parametrize(
    "dtype, arithmetic, what", [("float80", None, "dtype"), ("float32", "int8", "arith")]
)
def test_unknown_names_are_refused(dtype, arithmetic, what):
    with pytest.raises(ValueError, match=what):
        roundoff(dtype, arithmetic)


@pytest.mark.parametrize("name", ["bfloat16", "float32", "tf32"])
def test_a_unit_roundoff_has_the_range_of_float32(name):
    precision = as_precision("precision", name)
    assert as_precision("precision", precision.u) == precision
    assert as_precision("precision", np.float16) == as_precision("precision", "float16")
