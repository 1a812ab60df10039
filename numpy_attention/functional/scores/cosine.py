"""Cosine scores: products of unit vectors.

    scores_ls = sharpness * cos(query_l, key_s)

query (..., L, D)  key (..., S, D)  scores (..., L, S).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    backward_of,
    cast_optional,
    check_equal,
    common_batch,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    transposed,
    upcast,
)


@shape_repr
class UnitSaved(NamedTuple):
    """unit = x / |x| and |x| = length / rescale, rescale a power of two; zero is True for zero vectors."""

    unit: Array
    length: Array
    rescale: Array
    zero: Array


@shape_repr
class CosineSaved(NamedTuple):
    """The arguments, the unit vectors of query and key, and cosines (..., L, S)."""

    query: Array
    key: Array
    sharpness: Array
    query_units: UnitSaved
    key_units: UnitSaved
    cosines: Array


@shape_repr
class CosineGradients(NamedTuple):
    """In the forward's order."""

    d_query: Any
    d_key: Any
    d_sharpness: Any


def _normalise_forward(x: Array) -> tuple[Array, UnitSaved]:
    """unit = x / |x| along the last axis, |x|² = Σ x²; 0 where all (real parts) of x are 0.

    A power of two first brings the largest entry near 1, exactly, so that squares neither overflow nor
    underflow. |x|² is Σ x² for complex x too: a modulus would not be differentiable.
    """
    top = np.max(np.abs(x.real), axis=-1, keepdims=True, initial=0)
    smallest = np.finfo(x.dtype).minexp
    rescale = np.ldexp(np.ones_like(top), -np.maximum(np.frexp(top)[1], smallest))
    scaled = rescale * x
    length = np.sqrt((scaled * scaled).sum(axis=-1, keepdims=True))
    zero = top == 0
    unit = np.where(zero, 0, scaled / length)
    return unit, UnitSaved(unit, length, rescale, zero)


def _normalise_backward(d_unit: Array, saved: UnitSaved) -> Array:
    """From unit = x / |x|: d_x = (d_unit - unit * Σ unit * d_unit) / |x|, perpendicular to x."""
    unit, length, rescale, zero = saved
    perpendicular = d_unit - unit * (unit * d_unit).sum(axis=-1, keepdims=True)
    return np.where(zero, 0, perpendicular / length * rescale)


@quiet
def cosine_scores_forward(
    query: npt.ArrayLike, key: npt.ArrayLike, sharpness: npt.ArrayLike
) -> tuple[Any, CosineSaved]:
    """Scaled cosines, with what their backward needs: see `cosine_scores`."""
    query, key = admit("query", query, 2), admit("key", key, 2)
    sharpness = admit("sharpness", sharpness)
    if sharpness.ndim:
        raise ValueError(f"sharpness has shape {sharpness.shape}; one number is expected")
    if not np.isfinite(sharpness):
        raise ValueError(f"sharpness is {sharpness}; a finite number is expected")
    check_equal("the last axis of query", query.shape[-1], "that of key", key.shape[-1])
    common_batch(query=query.shape[:-2], key=key.shape[:-2])
    rows, columns = upcast(query, key)
    unit_query, query_units = _normalise_forward(rows)
    unit_key, key_units = _normalise_forward(columns)
    cosines = unit_query @ transposed(unit_key)
    out = cast_optional(sharpness, query, key) * cosines
    saved = CosineSaved(query, key, sharpness, query_units, key_units, cosines)
    return round_to(out, query, key), saved


@backward_of(CosineSaved)
def cosine_scores_backward(d_out: npt.ArrayLike, saved: CosineSaved) -> CosineGradients:
    """From out = sharpness * cosines and cosines = unit_query @ unit_keyᵀ:

    d_sharpness = Σ d_out * cosines;  d_cosines = sharpness * d_out
    d_unit_query = d_cosines @ unit_key;  d_unit_key = d_cosinesᵀ @ unit_query
    """
    query, key, sharpness, query_units, key_units, cosines = saved
    factor = cast_optional(sharpness, query, key)
    d_out = cotangent("d_out", d_out, cosines.shape, query, key)
    d_cosines = factor * d_out
    d_unit_query = d_cosines @ key_units.unit
    d_unit_key = transposed(d_cosines) @ query_units.unit
    return CosineGradients(
        d_query=gradient_like(_normalise_backward(d_unit_query, query_units), query),
        d_key=gradient_like(_normalise_backward(d_unit_key, key_units), key),
        d_sharpness=gradient_like(d_out * cosines, sharpness),
    )


@explained
def cosine_scores(query: npt.ArrayLike, key: npt.ArrayLike, sharpness: npt.ArrayLike) -> Any:
    """Scaled cosines: scores_ls = sharpness * query_l · key_s / (|query_l| |key_s|).

    Parameters
    ----------
    query : (..., L, D)
    key : (..., S, D)
    sharpness : a number, differentiable. It never promotes the dtype.

    Returns
    -------
    (..., L, S), in the result_type of query and key. A zero vector, whose cosine is undefined, scores 0 and
    has gradient 0.

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit, and for a sharpness that is not finite.

    Examples
    --------
    >>> cosine_scores([[3, 4]], [[30, 40], [0, 5], [0, 0]], sharpness=2)
    array([[2. , 1.6, 0. ]])

    References
    ----------
    Graves, Wayne, Danihelka 2014, equations 5 and 6.
    """
    return cosine_scores_forward(promote(query), promote(key), promote(sharpness))[0]
