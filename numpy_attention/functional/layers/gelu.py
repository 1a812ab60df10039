"""GELU: x Φ(x), Φ the standard normal distribution function; exact, and the tanh approximation.

    φ(x) = exp(-x² / 2) / √(2π)        Φ(-x) = φ(x) / (x + h(x)), x >= 0        Φ(x) = 1 - Φ(-x)

1 / (x + h) is Mills' ratio, h the continued fraction 1 / (x + 2 / (x + 3 / …)), from √(2/π) at 0 down to 0,
computed as a quotient of polynomials with positive coefficients: a tail keeps its relative accuracy.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import backward_of, promote, round_to, shape_repr
from ..base.row_blocks import admit_threads, by_elements, elements_back
from ..base.stable import choose
from ..base.workers import Buffers

ROOT = math.sqrt(2 * math.pi)

# fmt: off
NARROW = 14.5, (
    0.9999894099389045, 15.37112905411729, 111.92941338945081, 478.1878133271623, 1210.5510993048701,
    1603.5625443142278,
), (
    15.37043649612072, 113.9496418185105, 508.57601050356743, 1432.5818565980096, 2432.5084155087775,
    2009.767606868348,
)
WIDE = 39.0, (
    0.9999999999640563, 29.61563089279246, 431.9600880892972, 4021.71804045931, 26186.729824421407,
    123481.48586306578, 422705.9789382887, 1020234.2474756422, 1597872.5653062358, 1277256.5124730635,
), (
    29.615630885396982, 433.9600887752282, 4080.949263971705, 27044.65144802281, 131347.18847798233,
    472530.5017682126, 1244297.422007253, 2304064.8146172375, 2731689.601421374, 1600803.644060782,
)
# fmt: on
"""The end of the range, beyond which tails are 0 in float32 and in float64; P, and Q without its leading 1.

P / Q equals h at the Chebyshev nodes of (x - a) / (x + a), a = 2.5 and 3.5, the linear equations solved in
sixty digits. Elsewhere x + h is off by at most 1.8e-11 and 1.4e-17 of itself, less than rounding.
"""


@cache
def _gauss_legendre() -> tuple[tuple[float, float], ...]:
    """Nodes in [-1, 1] and weights of the quadrature."""
    from numpy.polynomial.legendre import leggauss  # takes 10 ms, and only complex arguments need it

    nodes, weights = leggauss(24)
    return tuple(zip(nodes.tolist(), weights.tolist(), strict=True))


def _density(x: Array) -> Array:
    """φ(x) = exp(-x² / 2 - log √(2π)), with the exponent's rounding error put back: exp would magnify it."""
    x = np.clip(x, -WIDE[0], WIDE[0])
    coarse = np.trunc(1024 * x) / 1024
    half, rest = coarse * coarse / 2, (x - coarse) * (x + coarse) / 2  # x² / 2, its first part exactly
    exponent = half + rest + math.log(ROOT)
    larger, smaller = np.maximum(half, math.log(ROOT)), np.minimum(half, math.log(ROOT))
    density = np.exp(-exponent)
    return np.asarray(density - density * ((larger - exponent) + smaller + rest))


def _tail(x: Array, density: Array, approximation: Any, buffers: Buffers) -> Array:
    """Φ(-x) of φ(x) and x, from 0 to the end of the approximation's range."""
    _, (first, *rest, last), (second, *others) = approximation
    above, below = (buffers(name, x.shape, np.float64) for name in ("above", "below"))
    np.multiply(x, first, out=above)
    np.add(x, second, out=below)
    for coefficient in rest:
        above += coefficient
        above *= x
    for coefficient in others:
        below *= x
        below += coefficient
    above += last
    above /= below
    above += x
    return np.divide(density, above, out=above)


def normal_cdf(x: Array) -> Array:
    """Φ(x), for complex x too.

    Complex arguments serve differentiation: accurate to all digits for |Im x| <= 3, less so beyond.
    Φ(a + ib) = Φ(a) + i φ(a) ∫_0^b exp(t² / 2 - i a t) dt by Gauss-Legendre quadrature.
    """
    size = np.minimum(np.abs(x.real), WIDE[0])
    tail = _tail(size, _density(size), WIDE, Buffers())
    real = np.where(x.real > 0, 1 - tail, tail)
    if x.dtype.kind != "c":
        return real
    a, b = x.real, x.imag
    integral = sum(
        weight * np.exp((half := b * (1 + node) / 2) * half / 2 - 1j * a * half)
        for node, weight in _gauss_legendre()
    )
    return np.asarray(real + 1j * (b / 2) * integral * _density(a))


def normal_density(x: Array) -> Array:
    """φ(x) of complex x: exp(-(a + ib)² / 2) = exp(-a² / 2) exp(b² / 2 - i a b)."""
    return np.asarray(_density(x.real) * np.exp(x.imag * x.imag / 2 - 1j * x.real * x.imag))


@shape_repr
class GeluSaved(NamedTuple):
    """The input, gelu's derivative there, and the number of threads."""

    x: Array
    slope: Array
    threads: int


@shape_repr
class GeluTanhSaved(NamedTuple):
    """The input and the number of threads: to keep exp(-|2u|) costs more than to compute it again."""

    x: Array
    threads: int


@quiet
def gelu_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, GeluSaved]:
    """The Gaussian error linear unit, with what its backward needs: see `gelu`."""
    x, threads = admit("x", x), admit_threads(threads)
    formula = _complex_gelu if x.dtype.kind == "c" else _gelu
    out, slope = by_elements(formula, x, results=2, threads=threads)
    return round_to(out, x, fresh=True), GeluSaved(x, slope, threads)


def _gelu(x: Array, out: Array, slope: Array, buffers: Buffers) -> None:
    """x Φ(x) = max(x, 0) - |x| Φ(-|x|), and Φ(x) + x φ(x) = s or 1 - s, s = Φ(-|x|) - |x| φ(x)."""
    approximation = NARROW if x.dtype == np.float32 else WIDE
    size, density = (buffers(name, x.shape, np.float64) for name in ("size", "density"))
    np.minimum(np.abs(x, out=size), approximation[0], out=size)
    if x.dtype == np.float32:  # its square is exact
        np.multiply(size, size, out=density)
        density *= -0.5
        np.exp(density, out=density)
        density /= ROOT
    else:
        density[...] = _density(size)
    tail = _tail(size, density, approximation, buffers)
    density *= size
    below = np.subtract(tail, density, out=density).astype(x.dtype)
    choose(x > 0, 1 - below, below, out=slope)
    tail *= size
    np.maximum(x, 0, out=size)
    out[...] = np.subtract(size, tail, out=size)


def _complex_gelu(x: Array, out: Array, slope: Array, _: Buffers) -> None:
    """x Φ(x) and Φ(x) + x φ(x): exactly 0 or x, and 0 or 1, where inf * 0 would be NaN."""
    z = x.astype(np.complex128)
    probability = normal_cdf(z)
    out[...] = np.where(probability == 0, 0, np.where(probability == 1, z, z * probability))
    slope[...] = probability + np.where(np.isinf(z.real), 0, z * normal_density(z))


@backward_of(GeluSaved)
def gelu_backward(d_out: npt.ArrayLike, saved: GeluSaved) -> Any:
    """Undo out = x Φ(x): d_x = d_out * (Φ(x) + x φ(x))."""

    def formula(d_out: Array, slope: Array, d_x: Array, _: Buffers) -> None:
        np.multiply(d_out, slope, out=d_x)

    return elements_back(formula, d_out, saved, saved.slope)


@explained
def gelu(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """The Gaussian error linear unit, exact: gelu(x) = x Φ(x).

    Parameters
    ----------
    x : any shape. Computed in float64.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: Φ(x) + x φ(x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> gelu([-1, 0, 1])
    array([-0.15865525,  0.        ,  0.84134475])

    References
    ----------
    Hendrycks and Gimpel 2016, section 2.
    """
    return gelu_forward(promote(x), threads=threads)[0]


A, B = 2 * math.sqrt(2 / math.pi), 0.044715


@quiet
def gelu_tanh_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, GeluTanhSaved]:
    """The tanh approximation of GELU, with what its backward needs: see `gelu_tanh`."""
    x, threads = admit("x", x), admit_threads(threads)

    def formula(x: Array, out: Array, buffers: Buffers) -> None:
        x = _clamp(x, np.inf, buffers("clamped", x.shape, x.dtype))
        grown = _exp_twice_u(x, buffers("grown", x.shape, x.dtype))
        np.add(1, grown, out=out)
        np.divide(grown, out, out=out)  # σ(2u) = (1 + tanh u) / 2, without cancellation
        out *= x

    (out,) = by_elements(formula, x, threads=threads)
    return round_to(out, x, fresh=True), GeluTanhSaved(x, threads)


def _clamp(x: Array, top: float, out: Array) -> Array:
    """x from -64, below which σ(2u) is 0 and -inf * 0 would be NaN, up to `top`."""
    if x.dtype.kind == "c":
        return np.where(x.real < -64, -64, np.where(x.real > top, top, x))
    return x.clip(-64, top, out=out)


def _exp_twice_u(x: Array, out: Array) -> Array:
    """out = exp(2u), 2u = 2 √(2/π) x (1 + 0.044715 x²); at most exp(64), where σ is 1 to the last digit."""
    np.multiply(x, x, out=out)
    out *= A * B
    out += A
    out *= x
    if x.dtype.kind == "c":
        out[...] = np.where(out.real < 64, out, 64)
    else:
        out.clip(-np.inf, 64, out=out)  # in a third of np.minimum's time
    return np.exp(out, out=out)


@backward_of(GeluTanhSaved)
def gelu_tanh_backward(d_out: npt.ArrayLike, saved: GeluTanhSaved) -> Any:
    """Undo out = x σ(2u): d_x = d_out * σ(2u) (1 + x σ(-2u) (2u)')."""

    def formula(d_out: Array, x: Array, d_x: Array, buffers: Buffers) -> None:
        clamped, grown, rest, slope = (
            buffers(n, x.shape, x.dtype) for n in ("clamped", "grown", "rest", "slope")
        )
        x = _clamp(x, 64, clamped)
        _exp_twice_u(x, grown)
        np.divide(1, np.add(1, grown, out=rest), out=rest)  # σ(-2u)
        grown *= rest  # σ(2u)
        if x.dtype.kind == "c":
            grown[...] = np.where(x.real > 0, 1 - rest, grown)  # so that the derivative does not cancel
        np.multiply(x, x, out=slope)
        slope *= 3 * A * B
        slope += A  # (2u)'
        slope *= x
        slope *= rest
        slope += 1
        slope *= grown
        np.multiply(d_out, slope, out=d_x)

    return elements_back(formula, d_out, saved, saved.x)


@explained
def gelu_tanh(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """GELU's tanh approximation: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, within 5e-4 of `gelu`.

    Accurate to 4 units in the last place for x >= -1, and to 4 (1 + |2u|) below, where it falls like exp(2u).

    Parameters
    ----------
    x : any shape.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> gelu_tanh([-1, 0, 1])
    array([-0.15880801,  0.        ,  0.84119199])

    References
    ----------
    Hendrycks and Gimpel 2016, section 2; used by GPT-2 and others.
    """
    return gelu_tanh_forward(promote(x), threads=threads)[0]
