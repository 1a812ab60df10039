"""GELU: x Φ(x), Φ the distribution function of the standard normal; exact, and the tanh form by name.

    φ(x) = exp(-x² / 2) / √(2π)        Φ(-x) = φ(x) M(x), x >= 0        Φ(x) = 1 - Φ(-x)

M is Mills' ratio, slowly varying where the tails fall to nothing, so that a tail keeps all its digits. It
obeys M' = x M - 1, which gives all its derivatives, and is summed as a Taylor series about the nearest
eighth. The series' coefficients are computed, not copied: `_series`.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, quiet
from ..base.arrays import backward_of, cotangent, gradient_like, promote, round_to, upcast
from .activations import ActivationSaved, logistic

LAST, TERMS = 39 * 8, 12
"""The nodes are 0, 1/8, …, 39, beyond which tails are 0; each has a series of so many terms."""


@cache
def _series() -> Array:
    """Coefficients M⁽ⁿ⁾(k/8) / n! over √(2π): (LAST + 1, TERMS), by decimal arithmetic of 40 digits.

    M⁽ⁿ⁺¹⁾ = x M⁽ⁿ⁾ + n M⁽ⁿ⁻¹⁾ gives a node's derivatives from M, and its series the next node's M, from the
    last node down, the direction in which errors fade: at 39 by 1/x - 1/x³ + 3/x⁵ - 15/x⁷ + …
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
    """Nodes in [-1, 1] and their shares of an integral."""
    from numpy.polynomial.legendre import leggauss  # 10 ms that only complex arguments need

    nodes, shares = leggauss(24)
    return tuple(zip(nodes.tolist(), shares.tolist(), strict=True))


def _gaussian(x: Array) -> Array:
    """exp(-x² / 2): x² in two parts, one of them exact, for its rounding error would be magnified by x²."""
    coarse = np.trunc(1024 * x) / 1024
    bell = np.exp(-coarse * coarse / 2) * np.exp(-(x - coarse) * (x + coarse) / 2)
    return np.where(np.abs(x) > 64, 0.0, bell)  # beyond it is 0, also where inf - inf stood above


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

    Complex arguments are for derivatives: good to all digits within |Im x| <= 3, and worse farther out.
    From a to a + ib: Φ(a + ib) = Φ(a) + i φ(a) ∫_0^b exp(t² / 2 - i a t) dt, the integral by Gauss and
    Legendre's rule; a step of 1e-100 makes it b.
    """
    tail = _lower_tail(x.real)
    real = np.where(x.real > 0, 1 - tail, tail)
    if x.dtype.kind != "c":
        return real
    a, b = x.real, x.imag
    along = sum(
        share * np.exp((half := b * (1 + node) / 2) * half / 2 - 1j * a * half)
        for node, share in _gauss_legendre()
    )
    return np.asarray(real + 1j * (b / 2) * along * _gaussian(a) / math.sqrt(2 * math.pi))


def normal_density(x: Array) -> Array:
    """φ(x), for complex x too: exp(-(a + ib)² / 2) = exp(-a² / 2) exp(b² / 2 - i a b)."""
    density = _gaussian(x.real) / math.sqrt(2 * math.pi)
    if x.dtype.kind != "c":
        return density
    return np.asarray(density * np.exp(x.imag * x.imag / 2 - 1j * x.real * x.imag))


def _to_float64(x: Array) -> Array:
    return x.astype(np.result_type(x, np.float64))


@quiet
def gelu_forward(x: npt.ArrayLike) -> tuple[Any, ActivationSaved]:
    """The Gaussian error linear unit, with what its backward needs: see `gelu`."""
    x = admit("x", x)
    inner = _to_float64(x)
    return round_to(_times_probability(inner, normal_cdf(inner)), x), ActivationSaved(x)


def _times_probability(x: Array, share: Array) -> Array:
    """x * share; where the share is all or nothing, x or 0 themselves, for inf * 0 is NaN."""
    return np.where(share == 0, 0, np.where(share == 1, x, x * share))


@backward_of(ActivationSaved)
def gelu_backward(d_out: npt.ArrayLike, saved: ActivationSaved) -> Any:
    """d_x = d_out * (Φ(x) + x φ(x)), by the product rule."""
    x = _to_float64(saved.x)
    d_out = cotangent("d_out", d_out, x.shape, x)
    bump = np.where(np.isinf(x.real), 0, x * normal_density(x))
    return gradient_like(d_out * (normal_cdf(x) + bump), saved.x)


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
        For what is no array of numbers.

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
def gelu_tanh_forward(x: npt.ArrayLike) -> tuple[Any, ActivationSaved]:
    """The tanh form of GELU, with what its backward needs: see `gelu_tanh`."""
    x = admit("x", x)
    (inner,) = upcast(x)
    share = logistic(
        _twice_u(_clamp(inner))
    )  # (1 + tanh u) / 2, which keeps its digits where tanh u is near -1
    return round_to(_times_probability(inner, share), x), ActivationSaved(x)


def _twice_u(x: Array) -> Array:
    """2u = 2 √(2/π) x (1 + 0.044715 x²), of an x that is near enough."""
    return np.asarray(A * (x * (1 + B * x * x)))


def _clamp(x: Array) -> Array:
    """x, moved to ±64 if it is farther out, where the shares are 0 and 1 to the last digit already."""
    return np.where(np.abs(x.real) > 64, np.sign(x.real) * 64, x)


@backward_of(ActivationSaved)
def gelu_tanh_backward(d_out: npt.ArrayLike, saved: ActivationSaved) -> Any:
    """d_x = d_out * (σ(2u) + x σ(2u) σ(-2u) (2u)'), (2u)' = 2 √(2/π) (1 + 3 * 0.044715 x²)."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    x = _clamp(*upcast(saved.x))
    share, rest = logistic(_twice_u(x)), logistic(-_twice_u(x))
    slope = A * (1 + 3 * B * x * x)
    bump = np.where((share == 0) | (rest == 0), 0, share * rest * x * slope)
    return gradient_like(d_out * (share + bump), saved.x)


def gelu_tanh(x: npt.ArrayLike) -> Any:
    """GELU's tanh form: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, within 5e-4 of the exact one.

    Exact to 4 units in the last place for x >= -1; below, where it falls like exp(2u), to 4 (1 + |2u|).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x.

    Raises
    ------
    TypeError
        For what is no array of numbers.

    Examples
    --------
    >>> gelu_tanh([-1, 0, 1])
    array([-0.15880801,  0.        ,  0.84119199])

    References
    ----------
    Hendrycks and Gimpel 2016, section 2; used by GPT-2 and others.
    """
    return gelu_tanh_forward(promote(x))[0]
