"""Fifty-digit arithmetic with the standard library's `decimal`, and the error of floats in ulps."""

import decimal
import math
import sys
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ...functional.base.admission import Array

DIGITS = 50
"""Significant digits of every operation: a float64 has 16, so 34 may cancel before one of those is wrong."""

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640629")


def digits(count: int = DIGITS) -> AbstractContextManager[decimal.Context]:
    """Context in which Decimals have `count` digits and any exponent, so nothing over- or underflows.

    Examples
    --------
    >>> with digits(30):
    ...     (Decimal(-1000000) / 3).exp()
    Decimal('4.35690408214373838193063967902E-144765')
    """
    return decimal.localcontext(decimal.Context(prec=count, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX))


def exact(x: npt.ArrayLike) -> Array:
    """The exact value of each float, as an array of Decimals; Decimals stay as they are."""
    array = np.asarray(x)
    if array.dtype != object:
        array = array.astype(float)
    decimals = np.empty(array.shape, dtype=object)
    for index, number in np.ndenumerate(array):
        decimals[index] = Decimal(number)
    return decimals


# ----------------------------------------------------------------------------------- functions


def expm1(x: Decimal) -> Decimal:
    """exp(x) - 1, with as many extra digits as the subtraction cancels."""
    if not x or x.adjusted() < -DIGITS:
        return +x
    with digits(DIGITS + max(0, -x.adjusted())):
        return x.exp() - 1


def log1p(x: Decimal) -> Decimal:
    """log(1 + x), with as many extra digits as the sum cancels."""
    if not x or x.adjusted() < -DIGITS:
        return +x
    with digits(DIGITS + max(0, -x.adjusted())):
        return (1 + x).ln()


def tanh(x: Decimal) -> Decimal:
    """sinh(x) / cosh(x)."""
    twice = expm1(2 * abs(x))
    return (twice / (twice + 2)).copy_sign(x)


def sech(x: Decimal) -> Decimal:
    """1 / cosh(x)."""
    return 2 / (x.exp() + (-x).exp())


def erfc(x: Decimal) -> Decimal:
    """2/sqrt(pi) ∫ exp(-t²) dt from x to infinity: a series up to 3, a continued fraction beyond.

    References
    ----------
    Abramowitz, Stegun 1964, 7.1.6 and 7.1.14.
    """
    if x < 0:
        return 2 - erfc(-x)
    with digits(DIGITS + 10):
        bell = (-x * x).exp() / PI.sqrt()
        if x > 3:
            tail = x
            for n in range(500, 0, -1):
                tail = x + Decimal(n) / 2 / tail
            return bell / tail
        term = total = x
        n = 1
        while term > total.scaleb(-DIGITS - 10):
            n += 2
            term *= 2 * x * x / n
            total += term
        return 1 - 2 * bell * total


# ------------------------------------------------------------------------------ floats and Decimals


@lru_cache
def _float_format(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Exponents of the smallest and the largest normal number, and fraction bits."""
    info: Any = np.finfo(dtype.type)
    return int(info.minexp), int(info.maxexp) - 1, int(info.nmant)


def spacing(x: Decimal, dtype: npt.DTypeLike) -> float:
    """Unit in the last place at `x`: the gap between the floats of `dtype` around it.

    Examples
    --------
    >>> spacing(Decimal(3), "float16")
    0.001953125
    """
    lowest, highest, bits = _float_format(np.dtype(dtype))
    near = min(abs(float(x)), sys.float_info.max)
    exponent = math.frexp(near)[1] - 1 if near else lowest
    if near == math.ldexp(1, exponent) and abs(x) < Decimal(near):
        exponent -= 1  # float(x) was rounded up to a power of two
    return math.ldexp(1.0, min(max(exponent, lowest), highest) - bits)


def nearest(x: Decimal, dtype: npt.DTypeLike) -> float:
    """The float of `dtype` nearest to `x`, ties to even; infinite from half a unit above the largest.

    Examples
    --------
    >>> nearest(Decimal("0.1"), "float16")
    0.0999755859375
    >>> nearest(Decimal(65520), "float16")
    inf
    """
    rounded = float(x)
    if np.dtype(dtype) == np.float64 or not math.isfinite(rounded):
        return rounded
    # Rounding twice is wrong where the first result lies half way between two floats. Rounding to odd first,
    # to the float64 around x whose last bit is 1, is always right (Boldo, Melquiond 2008).
    above = Decimal(rounded).compare(x)
    if above and not np.float64(rounded).view(np.int64) & 1:
        rounded = math.nextafter(rounded, -math.inf if above > 0 else math.inf)
    with np.errstate(all="ignore"):
        return float(np.float64(rounded).astype(dtype))


def ulps(got: float, x: Decimal, dtype: npt.DTypeLike) -> float:
    """(got - x) in units in the last place of `dtype`; 0 where both round to the same infinity.

    Examples
    --------
    >>> ulps(0.1, Decimal("0.1"), float)
    0.4
    """
    if not math.isfinite(got) or not x.is_finite():
        return 0.0 if got == nearest(x, dtype) else math.inf
    with digits():
        return float((Decimal(got) - x) / Decimal(spacing(x, dtype)))
