"""GELU: x Φ(x), Φ the standard normal distribution function; exact, and the tanh approximation.

    φ(x) = exp(-x² / 2) / √(2π)        Φ(-x) = φ(x) M(x), x >= 0        Φ(x) = 1 - Φ(-x)

Mills' ratio M varies slowly where the tails vanish, so a tail keeps its relative accuracy. M' = x M - 1
gives all its derivatives; it is summed as a Taylor series about the nearest multiple of 1/8 (`_series`).
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import backward_of, cotangent, gradient_like, promote, round_to, upcast
from .activations import ActivationSaved, logistic

LAST, TERMS = 39 * 8, 12
"""The nodes are 0, 1/8, …, 39, beyond which tails are 0; TERMS terms of the series at each."""


@cache
def _series() -> Array:
    """Coefficients M⁽ⁿ⁾(k/8) / (n! √(2π)), (LAST + 1, TERMS), in decimal arithmetic with 40 digits.

    M⁽ⁿ⁺¹⁾ = x M⁽ⁿ⁾ + n M⁽ⁿ⁻¹⁾ gives a node's derivatives, and its series the next lower node's M. Errors
    shrink in this direction. It starts at 39, where M = 1/x - 1/x³ + 3/x⁵ - 15/x⁷ + …
    """
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 40
        x, step = Decimal(LAST) / 8, Decimal(-1) / 8
        root = 2 * Decimal("3.1415926535897932384626433832795028841972")
        scale = 1 / root.sqrt()
        term = value = scale / x
        for n in range(1, 20):
            term *= -(2 * n - 1) / x**2
            value += term
        table = []
        for _ in range(LAST + 1):
            derivatives = [value, x * value - scale]
            for n in range(1, 40):
                derivatives.append(x * derivatives[n] + n * derivatives[n - 1])
            series = [d / math.factorial(n) for n, d in enumerate(derivatives)]
            table.append([float(c) for c in series[:TERMS]])
            value = sum((c * step**n for n, c in enumerate(series)), Decimal(0))
            x += step
    return np.array(table[::-1])


@cache
def _gauss_legendre() -> tuple[tuple[float, float], ...]:
    """Nodes in [-1, 1] and weights of the quadrature."""
    from numpy.polynomial.legendre import leggauss  # takes 10 ms, and only complex arguments need it

    nodes, weights = leggauss(24)
    return tuple(zip(nodes.tolist(), weights.tolist(), strict=True))


def _gaussian(x: Array) -> Array:
    """exp(-x² / 2), with x² split in two, one part exact: x² would magnify its rounding error."""
    coarse = np.trunc(1024 * x) / 1024
    gaussian = np.exp(-coarse * coarse / 2) * np.exp(-(x - coarse) * (x + coarse) / 2)
    return np.where(np.abs(x) > 64, 0.0, gaussian)  # also replaces the NaN of inf - inf


def _lower_tail(x: Array) -> Array:
    """Φ(-|x|) of real x."""
    y = np.minimum(np.abs(x), LAST / 8)
    node = np.rint(8 * np.where(np.isnan(y), 0, y)).astype(np.intp)
    away, series = y - node / 8, _series()
    ratio = series[node, TERMS - 1]
    for n in reversed(range(TERMS - 1)):
        ratio = ratio * away + series[node, n]
    return np.asarray(_gaussian(x) * ratio)


def normal_cdf(x: Array) -> Array:
    """Φ(x), for complex x too.

    Complex arguments serve differentiation: accurate to all digits for |Im x| <= 3, less so beyond.
    Φ(a + ib) = Φ(a) + i φ(a) ∫_0^b exp(t² / 2 - i a t) dt by Gauss-Legendre quadrature.
    """
    tail = _lower_tail(x.real)
    real = np.where(x.real > 0, 1 - tail, tail)
    if x.dtype.kind != "c":
        return real
    a, b = x.real, x.imag
    integral = sum(
        weight * np.exp((half := b * (1 + node) / 2) * half / 2 - 1j * a * half)
        for node, weight in _gauss_legendre()
    )
    return np.asarray(real + 1j * (b / 2) * integral * _gaussian(a) / math.sqrt(2 * math.pi))


def normal_density(x: Array) -> Array:
    """φ(x), for complex x too: exp(-(a + ib)² / 2) = exp(-a² / 2) exp(b² / 2 - i a b)."""
    density = _gaussian(x.real) / math.sqrt(2 * math.pi)
    if x.dtype.kind != "c":
        return density
    return np.asarray(density * np.exp(x.imag * x.imag / 2 - 1j * x.real * x.imag))


def _to_float64(x: Array) -> Array:
    return x.astype(np.result_type(x, np.float64))


class GeluSaved(ActivationSaved):
    """The input of gelu."""


class GeluTanhSaved(ActivationSaved):
    """The input of gelu_tanh."""


@quiet
def gelu_forward(x: npt.ArrayLike) -> tuple[Any, GeluSaved]:
    """The Gaussian error linear unit, with what its backward needs: see `gelu`."""
    x = admit("x", x)
    inner = _to_float64(x)
    return round_to(_times_probability(inner, normal_cdf(inner)), x), GeluSaved(x)


def _times_probability(x: Array, probability: Array) -> Array:
    """x * probability, but exactly 0 or x at a probability of 0 or 1: inf * 0 would be NaN."""
    return np.where(probability == 0, 0, np.where(probability == 1, x, x * probability))


@backward_of(GeluSaved)
def gelu_backward(d_out: npt.ArrayLike, saved: GeluSaved) -> Any:
    """Undo out = x Φ(x): d_x = d_out * (Φ(x) + x φ(x))."""
    x = _to_float64(saved.x)
    d_out = cotangent("d_out", d_out, x.shape, x)
    product = np.where(np.isinf(x.real), 0, x * normal_density(x))
    return gradient_like(d_out * (normal_cdf(x) + product), saved.x)


@explained
def gelu(x: npt.ArrayLike) -> Any:
    """The Gaussian error linear unit, exact: gelu(x) = x Φ(x).

    Parameters
    ----------
    x : any shape. Computed in float64.

    Returns
    -------
    The shape of x. Derivative: Φ(x) + x φ(x).

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> gelu([-1, 0, 1])
    array([-0.15865525,  0.        ,  0.84134475])

    References
    ----------
    Hendrycks and Gimpel 2016, section 2.
    """
    return gelu_forward(promote(x))[0]


A, B = 2 * math.sqrt(2 / math.pi), 0.044715


@quiet
def gelu_tanh_forward(x: npt.ArrayLike) -> tuple[Any, GeluTanhSaved]:
    """The tanh approximation of GELU, with what its backward needs: see `gelu_tanh`."""
    x = admit("x", x)
    (inner,) = upcast(x)
    probability = logistic(_twice_u(_clamp(inner)))  # (1 + tanh u) / 2, without cancellation
    return round_to(_times_probability(inner, probability), x), GeluTanhSaved(x)


def _twice_u(x: Array) -> Array:
    """2u = 2 √(2/π) x (1 + 0.044715 x²), for clamped x."""
    return np.asarray(A * (x * (1 + B * x * x)))


def _clamp(x: Array) -> Array:
    """x clamped to ±64, where the probabilities are 0 and 1 to the last digit."""
    return np.where(np.abs(x.real) > 64, np.sign(x.real) * 64, x)


@backward_of(GeluTanhSaved)
def gelu_tanh_backward(d_out: npt.ArrayLike, saved: GeluTanhSaved) -> Any:
    """Undo out = x σ(2u): d_x = d_out * (σ(2u) + x σ(2u) σ(-2u) (2u)')."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    x = _clamp(*upcast(saved.x))
    left, right = logistic(_twice_u(x)), logistic(-_twice_u(x))
    slope = A * (1 + 3 * B * x * x)  # (2u)'
    product = np.where((left == 0) | (right == 0), 0, left * right * x * slope)
    return gradient_like(d_out * (left + product), saved.x)


@explained
def gelu_tanh(x: npt.ArrayLike) -> Any:
    """GELU's tanh approximation: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, within 5e-4 of `gelu`.

    Accurate to 4 units in the last place for x >= -1, and to 4 (1 + |2u|) below, where it falls like exp(2u).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x.

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> gelu_tanh([-1, 0, 1])
    array([-0.15880801,  0.        ,  0.84119199])

    References
    ----------
    Hendrycks and Gimpel 2016, section 2; used by GPT-2 and others.
    """
    return gelu_tanh_forward(promote(x))[0]
