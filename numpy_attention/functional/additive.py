"""Additive scores: what query and key contribute is added, bent, and weighed.

    scores_ls = vector · tanh(weight_query query_l + weight_key key_s + bias)

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). No pair [query_l; key_s] is ever built: a
weight for both is one for the query beside one for the key, so each vector is projected once.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .activations import sech_squared
from .arrays import (
    Array,
    admit,
    common_batch,
    cotangent,
    finished,
    like,
    promoted,
    quiet,
    same,
    shows_shapes,
    total,
    transposed,
    undoes,
    wide,
)


@shows_shapes
class AdditiveSaved(NamedTuple):
    """The arguments, and inner (..., L, S, A), of which tanh is taken."""

    query: Array
    key: Array
    weight_query: Array
    weight_key: Array
    bias: Array
    vector: Array
    inner: Array


@shows_shapes
class AdditiveGradients(NamedTuple):
    """In the forward's order."""

    d_query: Any
    d_key: Any
    d_weight_query: Any
    d_weight_key: Any
    d_bias: Any
    d_vector: Any


@quiet
def additive_scores_forward(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    weight_query: npt.ArrayLike,
    weight_key: npt.ArrayLike,
    bias: npt.ArrayLike,
    vector: npt.ArrayLike,
) -> tuple[Any, AdditiveSaved]:
    """A network of one hidden layer, with what its backward needs: see `additive_scores`."""
    query, key = admit("query", query, 2), admit("key", key, 2)
    weight_query = admit("weight_query", weight_query, 2)
    weight_key = admit("weight_key", weight_key, 2)
    bias, vector = admit("bias", bias, 1), admit("vector", vector, 1)
    given = (query, key, weight_query, weight_key, bias, vector)
    _additive_batch(*given)
    rows, columns, matrix_query, matrix_key, shift, direction = wide(*given)
    for_query = rows @ transposed(matrix_query)  # (..., L, A)
    for_key = columns @ transposed(matrix_key)  # (..., S, A)
    inner = for_query[..., :, None, :] + for_key[..., None, :, :] + shift[..., None, None, :]
    out = (np.tanh(inner) @ direction[..., None, :, None])[..., 0]
    return finished(out, *given), AdditiveSaved(*given, inner)


def _additive_batch(
    query: Array, key: Array, weight_query: Array, weight_key: Array, bias: Array, vector: Array
) -> tuple[int, ...]:
    """The batch axes of the scores, once it is sure that all lengths fit."""
    hidden, query_width = weight_query.shape[-2:]
    same("the last axis of query", query.shape[-1], "that of weight_query", query_width)
    same("the last axis of key", key.shape[-1], "that of weight_key", weight_key.shape[-1])
    same("the width A of weight_query", hidden, "that of weight_key", weight_key.shape[-2])
    same("the width A of weight_query", hidden, "that of bias", bias.shape[-1])
    same("the width A of weight_query", hidden, "that of vector", vector.shape[-1])
    return common_batch(
        query=query.shape[:-2],
        key=key.shape[:-2],
        weight_query=weight_query.shape[:-2],
        weight_key=weight_key.shape[:-2],
        bias=bias.shape[:-1],
        vector=vector.shape[:-1],
    )


@undoes(AdditiveSaved)
def additive_scores_backward(d_out: npt.ArrayLike, saved: AdditiveSaved) -> AdditiveGradients:
    """From out_ls = vector · tanh(inner_ls):

    d_vector = Σ_ls d_out_ls tanh(inner_ls);  d_inner_ls = d_out_ls * vector * sech²(inner_ls)

    From inner_ls = for_query_l + for_key_s + bias, each summed over what it does not depend on:

    d_for_query_l = Σ_s d_inner_ls;  d_for_key_s = Σ_l d_inner_ls;  d_bias = Σ_ls d_inner_ls

    From for_query = query @ weight_queryᵀ, and for_key likewise:

    d_query = d_for_query @ weight_query;  d_weight_query = d_for_queryᵀ @ query
    """
    *given, inner = saved
    query, key, weight_query, weight_key, bias, vector = given
    shape = (*_additive_batch(*given), query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, *given)[..., None]
    rows, columns, matrix_query, matrix_key, _, direction = wide(*given)
    d_inner = d_out * direction[..., None, None, :] * sech_squared(inner)  # (..., L, S, A)
    d_for_query = total(d_inner, axis=-2)  # (..., L, A)
    d_for_key = total(d_inner, axis=-3)  # (..., S, A)
    return AdditiveGradients(
        d_query=like(d_for_query @ matrix_query, query),
        d_key=like(d_for_key @ matrix_key, key),
        d_weight_query=like(transposed(d_for_query) @ rows, weight_query),
        d_weight_key=like(transposed(d_for_key) @ columns, weight_key),
        d_bias=like(total(d_for_query, axis=-2), bias),
        d_vector=like(total(d_out * np.tanh(inner), axis=(-3, -2)), vector),
    )


def additive_scores(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    weight_query: npt.ArrayLike,
    weight_key: npt.ArrayLike,
    bias: npt.ArrayLike,
    vector: npt.ArrayLike,
) -> Any:
    """A network of one hidden layer: vector · tanh(weight_query query_l + weight_key key_s + bias).

    Parameters
    ----------
    query : (..., L, Dq)
    key : (..., S, Dk)
    weight_query : (..., A, Dq)
    weight_key : (..., A, Dk)
    bias, vector : (..., A)
        The batch axes of all six, say one a head, broadcast together.

    Returns
    -------
    (..., L, S), in the result_type of all six. On the way stands an array of (..., L, S, A).

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit.

    Examples
    --------
    >>> additive_scores([[1]], [[2], [-2]], [[1], [0]], [[0], [1]], [0, 1], [1, 2])
    array([[ 2.75170366, -0.76159416]])

    References
    ----------
    Bahdanau, Cho, Bengio 2015, appendix A.1.2.
    """
    given = (query, key, weight_query, weight_key, bias, vector)
    return additive_scores_forward(*map(promoted, given))[0]
