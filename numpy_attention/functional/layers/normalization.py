"""Normalization of the last axis: layer_norm and rms_norm.

layer  out = weight * (x - mean(x)) / √(mean((x - mean(x))²) + eps) + bias
rms    out = weight * x / √(mean(x²) + eps)

Squares overflow or underflow long before x does. A row where they would is multiplied by a power of two
first, and eps by its square, which changes no digit. A mean is rounded in the precision of x, so the centred
row is centred once more: what is left is the rounding error alone.
"""

from collections.abc import Callable
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
from ..base.row_blocks import by_rows


@shape_repr
class LayerNormSaved(NamedTuple):
    """The arguments, unit = the normalised x, and rate = 1 / √(mean square + eps) of each row."""

    x: Array
    weight: Array
    bias: Array
    unit: Array
    rate: Array


@shape_repr
class RmsNormSaved(NamedTuple):
    """The arguments, unit = the normalised x, and rate = 1 / √(mean square + eps) of each row."""

    x: Array
    weight: Array
    unit: Array
    rate: Array


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


def _mean(rows: Array) -> Array:
    """The mean of each row, kept as an axis; 0 for empty rows."""
    return np.asarray(rows.sum(axis=-1, keepdims=True) / max(rows.shape[-1], 1))


def _centred(rows: Array) -> Array:
    """rows - mean(rows), twice: the second mean is the rounding error of the first."""
    rows = rows - _mean(rows)
    rows -= _mean(rows)
    return rows


def _as_it_is(rows: Array) -> Array:
    return rows


def _normalise(rows: Array, eps: float, centre: Callable[[Array], Array]) -> tuple[Array, Array]:
    """unit = x * rate and rate = 1 / √(mean(x²) + eps), of x = centre(rows)."""
    x = centre(rows)
    divisor = _mean(x * x) + eps
    limits = np.finfo(rows.dtype)
    safe = (divisor.real >= limits.tiny / limits.eps) & (divisor.real < np.inf)
    if safe.all():
        rate = 1 / np.sqrt(divisor)
        return x * rate, rate
    scale = np.where(safe, 1, _scale(rows, eps))
    x = centre(scale * rows)
    added = (eps * scale.astype(np.float64) * scale).astype(scale.dtype)
    rate = 1 / np.sqrt(_mean(x * x) + added)
    return x * rate, scale * rate


def _scale(rows: Array, eps: float) -> Array:
    """The power of two that brings the larger of a row's entries and √eps near 1; 1 if not finite."""
    top = np.maximum(np.max(np.abs(rows.real), axis=-1, keepdims=True, initial=0), np.sqrt(eps))
    limits = np.finfo(rows.dtype)
    exponent = np.clip(np.frexp(top)[1], limits.minexp, limits.maxexp)
    return np.ldexp(np.ones(top.shape, limits.dtype), -np.where(np.isfinite(top), exponent, 0))


def _add_rows(sums: Array, rows: Array) -> None:
    """sums += Σ rows, accumulated in the precision of the sums."""
    sums += rows.sum(axis=0, dtype=sums.dtype)


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
    x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike, eps: float = 1e-5
) -> tuple[Any, LayerNormSaved]:
    """Layer normalization, with what its backward needs: see `layer_norm`."""
    x, weight, eps = _admit(x, weight, eps)
    bias = admit("bias", bias)
    if bias.shape != weight.shape:
        raise ValueError(f"bias has shape {bias.shape}; that of weight, {weight.shape}, is expected")
    rows, gain = upcast(x, weight)
    shift = cast_optional(bias, x, weight)

    def formula(rows: Array) -> tuple[Array, Array, Array]:
        unit, rate = _normalise(rows, eps, _centred)
        return gain * unit + shift, unit, rate

    out, unit, rate = by_rows(formula, rows)
    return round_to(out, x, weight, fresh=True), LayerNormSaved(x, weight, bias, unit, rate)


@backward_of(LayerNormSaved)
def layer_norm_backward(d_out: npt.ArrayLike, saved: LayerNormSaved) -> LayerNormGradients:
    """Undo out = weight * unit + bias, unit = (x - mean(x)) * rate; with d_unit = weight * d_out:

    d_x = rate * (d_unit - mean(d_unit) - unit * mean(unit * d_unit))

    unit sums to 0, so the last mean is also that of the centred d_unit, which cancels less.
    """
    x, weight, bias, unit, rate = saved
    d_out = cotangent("d_out", d_out, x.shape, x, weight, bias)
    gain = weight.astype(np.result_type(weight, d_out.real.dtype))
    d_weight, d_bias = np.zeros((2, len(weight)), np.result_type(d_out, unit, np.float64))

    def formula(d_out: Array, unit: Array, rate: Array) -> tuple[Array]:
        _add_rows(d_weight, d_out * unit)
        _add_rows(d_bias, d_out)
        d_unit = _centred(gain * d_out)
        return (rate * (d_unit - unit * _mean(unit * d_unit)),)

    (d_x,) = by_rows(formula, d_out, unit, rate)
    return LayerNormGradients(
        gradient_like(d_x, x, fresh=True), gradient_like(d_weight, weight), gradient_like(d_bias, bias)
    )


@explained
def layer_norm(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike, eps: float = 1e-5) -> Any:
    """Layer normalization: rows scaled to mean 0 and mean square 1, times weight, plus bias.

        out = weight * (x - mean(x)) / √(mean((x - mean(x))²) + eps) + bias

    Parameters
    ----------
    x : (..., C)
    weight, bias : (C,)
    eps : a number >= 0, added to the variance.

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
    return layer_norm_forward(promote(x), promote(weight), promote(bias), eps)[0]


@quiet
def rms_norm_forward(x: npt.ArrayLike, weight: npt.ArrayLike, eps: float = 1e-5) -> tuple[Any, RmsNormSaved]:
    """Normalization by the root mean square, with what its backward needs: see `rms_norm`."""
    x, weight, eps = _admit(x, weight, eps)
    rows, gain = upcast(x, weight)

    def formula(rows: Array) -> tuple[Array, Array, Array]:
        unit, rate = _normalise(rows, eps, _as_it_is)
        return gain * unit, unit, rate

    out, unit, rate = by_rows(formula, rows)
    return round_to(out, x, weight, fresh=True), RmsNormSaved(x, weight, unit, rate)


@backward_of(RmsNormSaved)
def rms_norm_backward(d_out: npt.ArrayLike, saved: RmsNormSaved) -> RmsNormGradients:
    """Undo out = weight * unit, unit = x * rate; with d_unit = weight * d_out:

    d_x = rate * (d_unit - unit * mean(unit * d_unit))
    """
    x, weight, unit, rate = saved
    d_out = cotangent("d_out", d_out, x.shape, x, weight)
    gain = weight.astype(np.result_type(weight, d_out.real.dtype))
    d_weight = np.zeros(len(weight), np.result_type(d_out, unit, np.float64))

    def formula(d_out: Array, unit: Array, rate: Array) -> tuple[Array]:
        _add_rows(d_weight, d_out * unit)
        d_unit = gain * d_out
        return (rate * (d_unit - unit * _mean(unit * d_unit)),)

    (d_x,) = by_rows(formula, d_out, unit, rate)
    return RmsNormGradients(gradient_like(d_x, x, fresh=True), gradient_like(d_weight, weight))


@explained
def rms_norm(x: npt.ArrayLike, weight: npt.ArrayLike, eps: float = 1e-5) -> Any:
    """Normalization by the root mean square: out = weight * x / √(mean(x²) + eps).

    Parameters
    ----------
    x : (..., C)
    weight : (C,)
    eps : a number >= 0, added to the mean square.

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
    return rms_norm_forward(promote(x), promote(weight), eps)[0]
