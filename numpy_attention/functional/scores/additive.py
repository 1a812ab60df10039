"""Additive scores: what query and key contribute is added, bent, and weighed.

    scores_ls = vector · tanh(weight_query query_l + weight_key key_s + bias)

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). No pair [query_l; key_s] is ever built: a
weight for both is one for the query beside one for the key, so each vector is projected once. What tanh is
taken of has A numbers for each pair. It is made tile by tile, each small enough for the processor's cache,
and made again by backward: that costs one sum, and saves A times the memory of the scores.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, quiet
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
"""Numbers of (..., L, S, A) at a time: with what sech² makes on the way, some megabytes."""


@shape_repr
class AdditiveSaved(NamedTuple):
    """The arguments, and their projections, for_query (..., L, A) and for_key (..., S, A)."""

    query: Array
    key: Array
    weight_query: Array
    weight_key: Array
    bias: Array
    vector: Array
    for_query: Array
    for_key: Array


@shape_repr
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
    batch = _additive_batch(*given)
    rows, columns, matrix_query, matrix_key, shift, direction = upcast(*given)
    for_query = rows @ transposed(matrix_query)  # (..., L, A)
    for_key = columns @ transposed(matrix_key)  # (..., S, A)
    grid = _grid(batch, for_query, for_key, shift, direction)
    out = np.empty((*batch, query.shape[-2], key.shape[-2]), for_key.dtype)
    for tile in tiles(out.shape, vector.shape[-1]):
        inner, weighing = grid.inner(tile), grid.direction[tile[:-2]]
        scores = (np.tanh(inner) @ weighing[..., None, :, None])[..., 0]
        out[tile] = scores
    return round_to(out, *given), AdditiveSaved(*given, for_query, for_key)


def _additive_batch(
    query: Array, key: Array, weight_query: Array, weight_key: Array, bias: Array, vector: Array
) -> tuple[int, ...]:
    """The batch axes of the scores, once it is sure that all lengths fit."""
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


@backward_of(AdditiveSaved)
def additive_scores_backward(d_out: npt.ArrayLike, saved: AdditiveSaved) -> AdditiveGradients:
    """From out_ls = vector · tanh(inner_ls):

    d_vector = Σ_ls d_out_ls tanh(inner_ls);  d_inner_ls = d_out_ls * vector * sech²(inner_ls)

    From inner_ls = for_query_l + for_key_s + bias, each summed over what it does not depend on:

    d_for_query_l = Σ_s d_inner_ls;  d_for_key_s = Σ_l d_inner_ls;  d_bias = Σ_ls d_inner_ls

    From for_query = query @ weight_queryᵀ, and for_key likewise:

    d_query = d_for_query @ weight_query;  d_weight_query = d_for_queryᵀ @ query
    """
    *given, for_query, for_key = saved
    query, key, weight_query, weight_key, bias, vector = given
    batch = _additive_batch(*given)
    shape = (*batch, query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, *given)
    rows, columns, matrix_query, matrix_key, shift, direction = upcast(*given)
    grid = _grid(batch, for_query, for_key, shift, direction)
    sums = np.result_type(d_out, np.float64)
    d_for_query, d_for_key, d_vector = (
        np.zeros(array.shape, sums) for array in (grid.shifted, grid.for_key, grid.direction)
    )
    for tile in tiles(shape, vector.shape[-1]):
        entry, some_rows, some_columns = tile[:-2], tile[:-1], (*tile[:-2], tile[-1])
        inner, d_scores = grid.inner(tile), d_out[tile][..., None]
        bent = np.tanh(inner)
        d_vector[entry] += np.sum(d_scores * bent, axis=(-3, -2), dtype=sums)
        d_inner = d_scores * grid.direction[entry][..., None, None, :] * sech_squared(inner, bent)
        d_for_query[some_rows] += np.sum(d_inner, axis=-2, dtype=sums)
        d_for_key[some_columns] += np.sum(d_inner, axis=-3, dtype=sums)
    d_bias = d_for_query.sum(axis=-2)
    d_for_query, d_for_key = (array.astype(d_out.dtype, copy=False) for array in (d_for_query, d_for_key))
    return AdditiveGradients(
        d_query=gradient_like(d_for_query @ matrix_query, query),
        d_key=gradient_like(d_for_key @ matrix_key, key),
        d_weight_query=gradient_like(transposed(d_for_query) @ rows, weight_query),
        d_weight_key=gradient_like(transposed(d_for_key) @ columns, weight_key),
        d_bias=gradient_like(d_bias, bias),
        d_vector=gradient_like(d_vector, vector),
    )


class _Grid(NamedTuple):
    """What the pairs are made of, all with the batch axes of the scores: views, that take no memory."""

    shifted: Array  # for_query + bias (..., L, A)
    for_key: Array  # (..., S, A)
    direction: Array  # (..., A)

    def inner(self, tile: tuple[slice, ...]) -> Array:
        """for_query_l + bias + for_key_s, for the pairs of a tile."""
        left, right = self.shifted[tile[:-1]], self.for_key[(*tile[:-2], tile[-1])]
        return np.asarray(left[..., :, None, :] + right[..., None, :, :])


def _grid(batch: tuple[int, ...], for_query: Array, for_key: Array, shift: Array, direction: Array) -> _Grid:
    shifted = for_query + shift[..., None, :]
    return _Grid(
        np.broadcast_to(shifted, (*batch, *shifted.shape[-2:])),
        np.broadcast_to(for_key, (*batch, *for_key.shape[-2:])),
        np.broadcast_to(direction, (*batch, direction.shape[-1])),
    )


def tiles(shape: tuple[int, ...], width: int) -> Iterator[tuple[slice, ...]]:
    """Scores (..., L, S) cut so that `width` numbers for each make TILE at most: whole rows if they fit.

    The last axes go whole into a tile while there is room, the next one in part, those before one by one.
    """
    room = max(TILE // max(width, 1), 1)
    cuts = []
    for length in reversed(shape):
        step = max(min(length, room), 1)
        room = max(room // step, 1)
        cuts.append([slice(first, min(first + step, length)) for first in range(0, length, step)])
    return product(*reversed(cuts))


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
    (..., L, S), in the result_type of all six. No more than a tile of (..., L, S, A) is ever held.

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
    return additive_scores_forward(*map(promote, given))[0]
