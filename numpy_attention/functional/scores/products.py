"""Scores that are products of query and key: dot, general.

    dot      scores_ls = scale * query_l · key_s
    general  scores_ls = query_l · weight key_s

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). Products of unit vectors are in `cosine.py`,
functions of sums in `additive.py` and `concat.py`.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.arguments import check_scale
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
class DotSaved(NamedTuple):
    """The arguments, and products = query @ keyᵀ (..., L, S)."""

    query: Array
    key: Array
    scale: Array | None
    products: Array


@shape_repr
class DotGradients(NamedTuple):
    """In the forward's order; d_scale is None if scale was."""

    d_query: Any
    d_key: Any
    d_scale: Any


@shape_repr
class GeneralSaved(NamedTuple):
    """The arguments, and projected = query @ weight (..., L, Dk)."""

    query: Array
    key: Array
    weight: Array
    projected: Array


@shape_repr
class GeneralGradients(NamedTuple):
    """In the forward's order."""

    d_query: Any
    d_key: Any
    d_weight: Any


# ----------------------------------------------------------------------------------------------- dot


def _factor(scale: Array | None, query: Array, key: Array) -> Array:
    """scale, or 1 / sqrt(D) if it is None (1 for D = 0), in the precision of query and key."""
    default = np.array(1 / math.sqrt(query.shape[-1] or 1))
    return cast_optional(default if scale is None else scale, query, key)


@quiet
def dot_scores_forward(
    query: npt.ArrayLike, key: npt.ArrayLike, scale: npt.ArrayLike | None = None
) -> tuple[Any, DotSaved]:
    """Scaled dot products, with what their backward needs: see `dot_scores`."""
    query, key = admit("query", query, 2), admit("key", key, 2)
    check_equal("the last axis of query", query.shape[-1], "that of key", key.shape[-1])
    batch = common_batch(query=query.shape[:-2], key=key.shape[:-2])
    if scale is not None:
        scale = admit("scale", scale)
        check_scale(scale, (*batch, query.shape[-2], key.shape[-2]))
    rows, columns = upcast(query, key)
    products = rows @ transposed(columns)
    out = _factor(scale, query, key) * products
    return round_to(out, query, key), DotSaved(query, key, scale, products)


@backward_of(DotSaved)
def dot_scores_backward(d_out: npt.ArrayLike, saved: DotSaved) -> DotGradients:
    """From out = scale * products and products = query @ keyᵀ:

    d_scale = d_out * products, summed where scale broadcasts;  d_products = scale * d_out
    d_query = d_products @ key;  d_key = d_productsᵀ @ query
    """
    query, key, scale, products = saved
    factor = _factor(scale, query, key)
    d_out = cotangent("d_out", d_out, products.shape, query, key)
    rows, columns = upcast(query, key)
    d_products = factor * d_out
    return DotGradients(
        d_query=gradient_like(d_products @ columns, query),
        d_key=gradient_like(transposed(d_products) @ rows, key),
        d_scale=None if scale is None else gradient_like(d_out * products, scale),
    )


@explained
def dot_scores(query: npt.ArrayLike, key: npt.ArrayLike, scale: npt.ArrayLike | None = None) -> Any:
    """Scaled dot products: scores_ls = scale * Σ_d query_ld key_sd.

    Parameters
    ----------
    query : (..., L, D)
    key : (..., S, D)
    scale : a number, or an array that broadcasts to (..., L, S); None is 1 / sqrt(D), and 1 for D = 0

    Returns
    -------
    (..., L, S), in the result_type of query and key.

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit, and for a scale that is NaN or infinite.

    Examples
    --------
    >>> dot_scores([[1, 2]], [[3, 4], [5, 6]], scale=1)
    array([[11., 17.]])

    References
    ----------
    Vaswani et al. 2017, equation 1; without the scale, Luong, Pham, Manning 2015, section 3.1 (dot).
    """
    return dot_scores_forward(promote(query), promote(key), promote(scale))[0]


# ------------------------------------------------------------------------------------------- general


@quiet
def general_scores_forward(
    query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike
) -> tuple[Any, GeneralSaved]:
    """A bilinear form, with what its backward needs: see `general_scores`."""
    query, key, weight = admit("query", query, 2), admit("key", key, 2), admit("weight", weight, 2)
    check_equal("the last axis of query", query.shape[-1], "the width Dq of weight", weight.shape[-2])
    check_equal("the last axis of key", key.shape[-1], "the width Dk of weight", weight.shape[-1])
    common_batch(query=query.shape[:-2], key=key.shape[:-2], weight=weight.shape[:-2])
    rows, columns, matrix = upcast(query, key, weight)
    projected = rows @ matrix
    out = projected @ transposed(columns)
    return round_to(out, query, key, weight), GeneralSaved(query, key, weight, projected)


@backward_of(GeneralSaved)
def general_scores_backward(d_out: npt.ArrayLike, saved: GeneralSaved) -> GeneralGradients:
    """From out = projected @ keyᵀ:

    d_projected = d_out @ key;  d_key = d_outᵀ @ projected

    From projected = query @ weight:

    d_query = d_projected @ weightᵀ;  d_weight = queryᵀ @ d_projected
    """
    query, key, weight, projected = saved
    batch = common_batch(projected=projected.shape[:-2], key=key.shape[:-2])
    shape = (*batch, query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, query, key, weight)
    rows, columns, matrix = upcast(query, key, weight)
    d_projected = d_out @ columns
    return GeneralGradients(
        d_query=gradient_like(d_projected @ transposed(matrix), query),
        d_key=gradient_like(transposed(d_out) @ projected, key),
        d_weight=gradient_like(transposed(rows) @ d_projected, weight),
    )


@explained
def general_scores(query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike) -> Any:
    """A bilinear form: scores_ls = Σ_de query_ld weight_de key_se, which is query @ weight @ keyᵀ.

    Parameters
    ----------
    query : (..., L, Dq)
    key : (..., S, Dk)
    weight : (..., Dq, Dk); its batch axes, such as heads, broadcast with those of query and key

    Returns
    -------
    (..., L, S), in the result_type of all three.

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit.

    Examples
    --------
    >>> general_scores([[1, 2]], [[3, 4], [5, 6]], [[0, 1], [1, 0]])
    array([[10., 16.]])

    References
    ----------
    Luong, Pham, Manning 2015, section 3.1 (general).
    """
    return general_scores_forward(promote(query), promote(key), promote(weight))[0]
