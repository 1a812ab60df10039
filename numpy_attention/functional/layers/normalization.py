"""Normalization of the last axis: layer_norm and rms_norm.

layer  out = weight * (x - mean(x)) / √(mean((x - mean(x))²) + eps) + bias
rms    out = weight * x / √(mean(x²) + eps)

Squares overflow or underflow long before x does. A row where they would is multiplied by a power of two
first, and eps by its square, which changes no digit. A mean is rounded in the precision of x, so the centred
row is centred once more: what is left is the rounding error alone.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet, real_number
from ..base.arrays import (
    backward_of,
    cast_optional,
    check_equal,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    upcast,
)
from ..base.row_blocks import admit_threads, by_rows
from ..base.workers import Buffers


@shape_repr
class LayerNormSaved(NamedTuple):
    """The arguments, unit = the normalised x, rate = 1 / √(mean square + eps) of each row, and threads."""

    x: Array
    weight: Array
    bias: Array
    unit: Array
    rate: Array
    threads: int


@shape_repr
class RmsNormSaved(NamedTuple):
    """The arguments, unit = the normalised x, rate = 1 / √(mean square + eps) of each row, and threads."""

    x: Array
    weight: Array
    unit: Array
    rate: Array
    threads: int


@shape_repr
class LayerNormGradients(NamedTuple):
    """In the forward's order."""

    d_x: Any
    d_weight: Any
    d_bias: Any


@shape_repr
class RmsNormGradients(NamedTuple):
    """In the forward's order."""

    d_x: Any
    d_weight: Any


Centre = Callable[[Array, Array], Array]
"""x of (rows, out): a new x is written into out."""


def _mean(rows: Array) -> Array:
    """The mean of each row, kept as an axis; 0 for empty rows."""
    return np.add.reduce(rows, axis=-1, keepdims=True) / (rows.shape[-1] or 1)


def _centred(rows: Array, out: Array) -> Array:
    """out = rows - mean(rows), twice: the second mean is the rounding error of the first."""
    np.subtract(rows, _mean(rows), out=out)
    out -= _mean(out)
    return out


def _as_it_is(rows: Array, out: Array) -> Array:
    return rows


def _normalise(rows: Array, eps: float, centre: Centre, unit: Array, rate: Array, buffers: Buffers) -> None:
    """unit = x * rate and rate = 1 / √(mean(x²) + eps), of x = centre(rows)."""
    x = centre(rows, unit)
    divisor = _mean(np.multiply(x, x, out=buffers("squares", x.shape, x.dtype))) + eps
    safe = (divisor.real >= _least_safe(rows.dtype)) & (divisor.real < np.inf)
    np.divide(1, np.sqrt(divisor), out=rate)
    if not safe.all():
        scale = np.where(safe, 1, _scale(rows, eps))
        x = centre(scale * rows, unit)
        added = (eps * scale.astype(np.float64) * scale).astype(scale.dtype)
        np.divide(1, np.sqrt(_mean(x * x) + added), out=rate)
        np.multiply(x, rate, out=unit)
        rate *= scale
    else:
        np.multiply(x, rate, out=unit)


@cache
def _least_safe(dtype: np.dtype[Any]) -> Any:
    """The least mean square none of whose digits is lost to underflow."""
    limits = np.finfo(dtype)
    return limits.tiny / limits.eps


def _scale(rows: Array, eps: float) -> Array:
    """The power of two that brings the larger of a row's entries and √eps near 1; 1 if not finite."""
    top = np.maximum(np.max(np.abs(rows.real), axis=-1, keepdims=True, initial=0), np.sqrt(eps))
    limits = np.finfo(rows.dtype)
    exponent = np.clip(np.frexp(top)[1], limits.minexp, limits.maxexp)
    return np.ldexp(np.ones(top.shape, limits.dtype), -np.where(np.isfinite(top), exponent, 0))


def _undo_rate(unit: Array, rate: Array, d_unit: Array, products: Array) -> None:
    """d_unit becomes rate * (d_unit - unit * mean(unit * d_unit)) in place; `products` is scratch."""
    np.multiply(unit, _mean(np.multiply(unit, d_unit, out=products)), out=products)
    d_unit -= products
    d_unit *= rate


class _Sums:
    """Σ of all rows (n, C) of an array, in float64 (complex128): of each block, and these in their order."""

    def __init__(self, width: int, *arrays: Array) -> None:
        self.blocks: dict[int, Array] = {}
        self.none = np.zeros(width, np.result_type(np.float64, *arrays))

    def add(self, numbers: Array, rows: Array) -> None:
        """Add a block, whose rows have these numbers."""
        self.blocks[int(numbers[0, 0])] = rows.sum(axis=0, dtype=self.none.dtype)

    def total(self) -> Array:
        """The sum of all blocks."""
        return np.asarray(sum((self.blocks[first] for first in sorted(self.blocks)), self.none))


def _numbers(rate: Array) -> Array:
    """Every row's number, for `_Sums`."""
    return np.arange(rate.size).reshape(rate.shape)


def _admit(x: npt.ArrayLike, weight: npt.ArrayLike, eps: float) -> tuple[Array, Array, float]:
    if isinstance(eps, np.ndarray) and eps.ndim:
        raise TypeError(
            f"eps has shape {eps.shape}; one real number is expected (for PyTorch's order: write "
            "layer_norm(x, weight, bias) or rms_norm(x, weight), without normalized_shape)"
        )
    x, weight, eps = admit("x", x, 1), admit("weight", weight), real_number("eps", eps)
    if weight.ndim != 1:
        raise ValueError(f"weight has shape {weight.shape}; one axis, the last of x, is expected")
    check_equal("the last axis of x", x.shape[-1], "the length of weight", weight.shape[0])
    if eps < 0:
        raise ValueError(f"eps is {eps}; a number >= 0 is expected")
    return x, weight, eps


@quiet
def layer_norm_forward(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike,
    eps: float = 1e-5,
    *,
    threads: int | None = None,
) -> tuple[Any, LayerNormSaved]:
    """Layer normalization, with what its backward needs: see `layer_norm`."""
    x, weight, eps = _admit(x, weight, eps)
    threads = admit_threads(threads)
    bias = admit("bias", bias)
    if bias.shape != weight.shape:
        raise ValueError(f"bias has shape {bias.shape}; that of weight, {weight.shape}, is expected")
    rows, gain = upcast(x, weight)
    shift = cast_optional(bias, x, weight)

    def formula(rows: Array, out: Array, unit: Array, rate: Array, buffers: Buffers) -> None:
        _normalise(rows, eps, _centred, unit, rate, buffers)
        np.multiply(gain, unit, out=out)
        out += shift if out.dtype.kind == "c" else shift.real

    out, unit, rate = by_rows(formula, [rows], [len(gain), len(gain), 1], threads)
    if shift.dtype.kind == "c" != out.dtype.kind:
        out = out + 1j * shift.imag
    return round_to(out, x, weight, fresh=True), LayerNormSaved(x, weight, bias, unit, rate, threads)


@backward_of(LayerNormSaved)
def layer_norm_backward(d_out: npt.ArrayLike, saved: LayerNormSaved) -> LayerNormGradients:
    """Undo out = weight * unit + bias, unit = (x - mean(x)) * rate; with d_unit = weight * d_out:

    d_x = rate * (d_unit - mean(d_unit) - unit * mean(unit * d_unit))

    unit sums to 0, so the last mean is also that of the centred d_unit, which cancels less.
    """
    x, weight, bias, unit, rate, threads = saved
    d_out = cotangent("d_out", d_out, x.shape, x, weight, bias)
    gain = weight.astype(np.result_type(weight, d_out.real.dtype))
    d_weight, d_bias = _Sums(len(weight), d_out, unit), _Sums(len(bias), d_out, unit)

    def formula(unit: Array, d_out: Array, rate: Array, row: Array, d_x: Array, buffers: Buffers) -> None:
        products = buffers("products", d_x.shape, d_x.dtype)
        d_weight.add(row, np.multiply(d_out, unit, out=products))
        d_bias.add(row, d_out)
        _centred(np.multiply(gain, d_out, out=d_x), d_x)
        _undo_rate(unit, rate, d_x, products)

    (d_x,) = by_rows(formula, [unit, d_out, rate, _numbers(rate)], x.shape[-1:], threads)
    return LayerNormGradients(
        gradient_like(d_x, x, fresh=True),
        gradient_like(d_weight.total(), weight),
        gradient_like(d_bias.total(), bias),
    )


@explained
def layer_norm(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike,
    eps: float = 1e-5,
    *,
    threads: int | None = None,
) -> Any:
    """Layer normalization: rows scaled to mean 0 and mean square 1, times weight, plus bias.

        out = weight * (x - mean(x)) / √(mean((x - mean(x))²) + eps) + bias

    Parameters
    ----------
    x : (..., C)
    weight, bias : (C,)
    eps : a number >= 0, added to the variance.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    (..., C), in the result_type of x and weight.

    Raises
    ------
    TypeError, ValueError
        For a wrong dtype or shape.

    Examples
    --------
    >>> layer_norm([1, 3], [1, 1], [0, 0], eps=0)
    array([-1.,  1.])

    References
    ----------
    Ba, Kiros, Hinton 2016, equation 4.
    """
    return layer_norm_forward(promote(x), promote(weight), promote(bias), eps, threads=threads)[0]


@quiet
def rms_norm_forward(
    x: npt.ArrayLike, weight: npt.ArrayLike, eps: float = 1e-5, *, threads: int | None = None
) -> tuple[Any, RmsNormSaved]:
    """Normalization by the root mean square, with what its backward needs: see `rms_norm`."""
    x, weight, eps = _admit(x, weight, eps)
    threads = admit_threads(threads)
    rows, gain = upcast(x, weight)

    def formula(rows: Array, out: Array, unit: Array, rate: Array, buffers: Buffers) -> None:
        _normalise(rows, eps, _as_it_is, unit, rate, buffers)
        np.multiply(gain, unit, out=out)

    out, unit, rate = by_rows(formula, [rows], [len(gain), len(gain), 1], threads)
    return round_to(out, x, weight, fresh=True), RmsNormSaved(x, weight, unit, rate, threads)


@backward_of(RmsNormSaved)
def rms_norm_backward(d_out: npt.ArrayLike, saved: RmsNormSaved) -> RmsNormGradients:
    """Undo out = weight * unit, unit = x * rate; with d_unit = weight * d_out:

    d_x = rate * (d_unit - unit * mean(unit * d_unit))
    """
    x, weight, unit, rate, threads = saved
    d_out = cotangent("d_out", d_out, x.shape, x, weight)
    gain = weight.astype(np.result_type(weight, d_out.real.dtype))
    d_weight = _Sums(len(weight), d_out, unit)

    def formula(unit: Array, d_out: Array, rate: Array, row: Array, d_x: Array, buffers: Buffers) -> None:
        products = buffers("products", d_x.shape, d_x.dtype)
        d_weight.add(row, np.multiply(d_out, unit, out=products))
        np.multiply(gain, d_out, out=d_x)
        _undo_rate(unit, rate, d_x, products)

    (d_x,) = by_rows(formula, [unit, d_out, rate, _numbers(rate)], x.shape[-1:], threads)
    return RmsNormGradients(gradient_like(d_x, x, fresh=True), gradient_like(d_weight.total(), weight))


@explained
def rms_norm(
    x: npt.ArrayLike, weight: npt.ArrayLike, eps: float = 1e-5, *, threads: int | None = None
) -> Any:
    """Normalization by the root mean square: out = weight * x / √(mean(x²) + eps).

    Parameters
    ----------
    x : (..., C)
    weight : (C,)
    eps : a number >= 0, added to the mean square.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    (..., C), in the result_type of x and weight.

    Raises
    ------
    TypeError, ValueError
        For a wrong dtype or shape.

    Examples
    --------
    >>> rms_norm([3, 4], [5, 5], eps=0)
    array([4.24264069, 5.65685425])

    References
    ----------
    Zhang and Sennrich 2019, equation 4.
    """
    return rms_norm_forward(promote(x), promote(weight), eps, threads=threads)[0]
