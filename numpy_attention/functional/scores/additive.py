"""Additive scores: a network with one hidden layer, applied to query and key.

    scores_ls = vector · tanh(weight_query query_l + weight_key key_s + bias)

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). Pairs [query_l; key_s] are never built: each
vector is projected once. The argument of tanh has A numbers for each pair, so it is computed in tiles that
fit into the processor's cache, and again in backward: that costs one addition, and saves A times the memory
of the scores.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    backward_of,
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
from ..base.stable import sech_squared

TILE = 65536
"""Entries of (..., L, S, A) in a tile: some megabytes, with the temporaries of sech²."""


@shape_repr
class AdditiveSaved(NamedTuple):
    """The arguments, and the projections (..., L, A) of query and (..., S, A) of key."""

    query: Array
    key: Array
    weight_query: Array
    weight_key: Array
    bias: Array
    vector: Array
    projected_query: Array
    projected_key: Array


@shape_repr
class AdditiveGradients(NamedTuple):
    """In the forward's order."""

    d_query: Any
    d_key: Any
    d_weight_query: Any
    d_weight_key: Any
    d_bias: Any
    d_vector: Any


def _additive_batch(
    query: Array, key: Array, weight_query: Array, weight_key: Array, bias: Array, vector: Array
) -> tuple[int, ...]:
    """The batch axes of the scores; ValueError if the arguments do not fit together."""
    hidden, query_width = weight_query.shape[-2:]
    check_equal("the last axis of query", query.shape[-1], "that of weight_query", query_width)
    check_equal("the last axis of key", key.shape[-1], "that of weight_key", weight_key.shape[-1])
    check_equal("the width A of weight_query", hidden, "that of weight_key", weight_key.shape[-2])
    check_equal("the width A of weight_query", hidden, "that of bias", bias.shape[-1])
    check_equal("the width A of weight_query", hidden, "that of vector", vector.shape[-1])
    return common_batch(
        query=query.shape[:-2],
        key=key.shape[:-2],
        weight_query=weight_query.shape[:-2],
        weight_key=weight_key.shape[:-2],
        bias=bias.shape[:-1],
        vector=vector.shape[:-1],
    )


def _terms(
    batch: tuple[int, ...], projected_query: Array, projected_key: Array, bias: Array, vector: Array
) -> tuple[Array, Array, Array]:
    """projected_query + bias (..., L, A), projected_key (..., S, A), vector (..., A), broadcast to batch."""
    arrays = (projected_query + bias[..., None, :], projected_key, vector[..., None, :])
    query_terms, key_terms, row = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in arrays)
    return query_terms, key_terms, row[..., 0, :]


def _inner(query_terms: Array, key_terms: Array, tile: tuple[slice, ...]) -> Array:
    """query_terms_l + key_terms_s for the pairs of one tile of the scores, (..., l, s, A)."""
    rows, columns = query_terms[tile[:-1]], key_terms[(*tile[:-2], tile[-1])]
    return np.asarray(rows[..., :, None, :] + columns[..., None, :, :])


def tiles(shape: tuple[int, ...], width: int) -> Iterator[tuple[slice, ...]]:
    """Cut scores (..., L, S) into tiles of at most TILE / width entries (at least 1).

    The last axes are whole while they fit, the next one is cut, and those before have length 1.
    """
    room = max(TILE // max(width, 1), 1)
    cuts = []
    for length in reversed(shape):
        step = max(min(length, room), 1)
        room = max(room // step, 1)
        cuts.append([slice(first, min(first + step, length)) for first in range(0, length, step)])
    return product(*reversed(cuts))


@quiet
def additive_scores_forward(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    weight_query: npt.ArrayLike,
    weight_key: npt.ArrayLike,
    bias: npt.ArrayLike,
    vector: npt.ArrayLike,
) -> tuple[Any, AdditiveSaved]:
    """A network with one hidden layer, with what its backward needs: see `additive_scores`."""
    query, key = admit("query", query, 2), admit("key", key, 2)
    weight_query = admit("weight_query", weight_query, 2)
    weight_key = admit("weight_key", weight_key, 2)
    bias, vector = admit("bias", bias, 1), admit("vector", vector, 1)
    arguments = (query, key, weight_query, weight_key, bias, vector)
    batch = _additive_batch(*arguments)
    rows, columns, matrix_query, matrix_key, shift, readout = upcast(*arguments)
    projected_query = rows @ transposed(matrix_query)  # (..., L, A)
    projected_key = columns @ transposed(matrix_key)  # (..., S, A)
    query_terms, key_terms, readout = _terms(batch, projected_query, projected_key, shift, readout)
    out = np.empty((*batch, query.shape[-2], key.shape[-2]), projected_key.dtype)
    for tile in tiles(out.shape, vector.shape[-1]):
        inner, column = _inner(query_terms, key_terms, tile), readout[tile[:-2]][..., None, :, None]
        out[tile] = (np.tanh(inner) @ column)[..., 0]
    return round_to(out, *arguments), AdditiveSaved(*arguments, projected_query, projected_key)


@backward_of(AdditiveSaved)
def additive_scores_backward(d_out: npt.ArrayLike, saved: AdditiveSaved) -> AdditiveGradients:
    """From out_ls = vector · tanh(inner_ls):

    d_vector = Σ_ls d_out_ls tanh(inner_ls);  d_inner_ls = d_out_ls * vector * sech²(inner_ls)

    From inner_ls = projected_query_l + projected_key_s + bias, each summed over the indices it lacks:

    d_projected_query_l = Σ_s d_inner_ls;  d_projected_key_s = Σ_l d_inner_ls;  d_bias = Σ_ls d_inner_ls

    From projected_query = query @ weight_queryᵀ, and projected_key likewise:

    d_query = d_projected_query @ weight_query;  d_weight_query = d_projected_queryᵀ @ query
    """
    *arguments, projected_query, projected_key = saved
    query, key, weight_query, weight_key, bias, vector = arguments
    batch = _additive_batch(*arguments)
    shape = (*batch, query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, *arguments)
    rows, columns, matrix_query, matrix_key, shift, readout = upcast(*arguments)
    query_terms, key_terms, readout = _terms(batch, projected_query, projected_key, shift, readout)
    wide = np.result_type(d_out, np.float64)
    d_query_terms, d_key_terms, d_vector = (
        np.zeros(x.shape, wide) for x in (query_terms, key_terms, readout)
    )
    for tile in tiles(shape, vector.shape[-1]):
        entry, row_tile, column_tile = tile[:-2], tile[:-1], (*tile[:-2], tile[-1])
        inner, d_scores = _inner(query_terms, key_terms, tile), d_out[tile][..., None]
        hidden = np.tanh(inner)
        d_vector[entry] += np.sum(d_scores * hidden, axis=(-3, -2), dtype=wide)
        d_inner = d_scores * readout[entry][..., None, None, :] * sech_squared(inner, hidden)
        d_query_terms[row_tile] += np.sum(d_inner, axis=-2, dtype=wide)
        d_key_terms[column_tile] += np.sum(d_inner, axis=-3, dtype=wide)
    d_bias = d_query_terms.sum(axis=-2)
    d_projected_query = d_query_terms.astype(d_out.dtype, copy=False)
    d_projected_key = d_key_terms.astype(d_out.dtype, copy=False)
    return AdditiveGradients(
        d_query=gradient_like(d_projected_query @ matrix_query, query),
        d_key=gradient_like(d_projected_key @ matrix_key, key),
        d_weight_query=gradient_like(transposed(d_projected_query) @ rows, weight_query),
        d_weight_key=gradient_like(transposed(d_projected_key) @ columns, weight_key),
        d_bias=gradient_like(d_bias, bias),
        d_vector=gradient_like(d_vector, vector),
    )


@explained
def additive_scores(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    weight_query: npt.ArrayLike,
    weight_key: npt.ArrayLike,
    bias: npt.ArrayLike,
    vector: npt.ArrayLike,
) -> Any:
    """A network with one hidden layer: vector · tanh(weight_query query_l + weight_key key_s + bias).

    Parameters
    ----------
    query : (..., L, Dq)
    key : (..., S, Dk)
    weight_query : (..., A, Dq)
    weight_key : (..., A, Dk)
    bias, vector : (..., A)
        The batch axes of all six, such as heads, broadcast together.

    Returns
    -------
    (..., L, S), in the result_type of all six. Of (..., L, S, A), only one tile is in memory at a time.

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
    arguments = (query, key, weight_query, weight_key, bias, vector)
    return additive_scores_forward(*map(promote, arguments))[0]
