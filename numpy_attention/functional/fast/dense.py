"""Small problems of `fast_attention` as one tile: a few calls of NumPy on all heads at once.

Below some ten thousand scores, what Python does around the calls costs more than the calls. So this file has
neither tiles nor threads nor buffers; every row is shifted by its maximum, as in the textbook.
"""

import math

import numpy as np

from ..base.admission import Array
from ..base.arrays import accurate_sum, transposed
from ..tiled.tiling import TiledArguments
from .forward import ForwardResults
from .kept import Kept, Place
from .kernels import PEAK, UNIT, RowStatistics, power
from .nonfinite import all_finite
from .plan import number_of

MOST_SCORES = 2**15
"""Above, the tiles of one thread are as fast."""

WHOLE = (0, 0, 0)
"""The place of the exponentials in `Kept`."""


def fits(problem: TiledArguments, block: tuple[int, int] | None) -> bool:
    """True for a small problem with no option but a mask and one number as scale."""
    return (
        block is None
        and math.prod(problem.shape) <= MOST_SCORES
        and all(x is None for x in (problem.bias, problem.softcap, problem.sinks, problem.dropout))
        and isinstance(number_of(problem.scale), float)
    )


def _stacked(problem: TiledArguments) -> tuple[Array, Array, Array]:
    """query (N, n L, D), key (N, S, D), value (N, S, E): the queries of a key head are rows of one matrix."""
    batch = problem.shape[:-3]

    def keys(x: Array) -> Array:
        whole = x.ndim == 2 or x.shape[:-3] == batch
        return (x if whole else np.broadcast_to(x, (*batch, *x.shape[-3:]))).reshape(-1, *x.shape[-2:])

    key, value = keys(problem.key), keys(problem.value)
    return problem.query.reshape(len(key), -1, key.shape[-1]), key, value


def _exponentials(problem: TiledArguments, query: Array, key: Array) -> tuple[Array, Array, Array | None]:
    """power(scores - shift), 0 where hidden; the shift (N, n L, 1); True for rows without a visible key."""
    scores, empty = np.matmul(query * (number_of(problem.scale) * UNIT), transposed(key)), None
    if problem.mask is not None:
        L, S = problem.shape[-2:]
        hidden = np.logical_not(problem.visible(slice(0, L), slice(0, S)))
        hidden = np.broadcast_to(hidden, problem.shape).reshape(scores.shape)
        np.copyto(scores, -np.inf, where=hidden)
        empty = np.asarray(hidden.all(axis=-1))
    shift = scores.max(axis=-1, keepdims=True)
    if empty is not None:
        shift[shift == -np.inf] = 0
    np.subtract(scores, shift, out=scores)
    return power(scores, out=scores), shift, empty


def forward(problem: TiledArguments, kept: Kept) -> ForwardResults:
    """out (..., H, L, E) and statistics (..., H, L) of finite inputs.

    The largest exponential of a row is 1, so that its weight is 1 / summed.
    """
    query, key, value = _stacked(problem)
    exponentials, shift, empty = _exponentials(problem, query, key)
    summed = total = exponentials.sum(axis=-1)
    if empty is not None:
        total = np.where(summed == 0, 1, summed)
    out = np.matmul(exponentials, value)
    out /= total[..., None]
    largest = 1 / total
    good = np.ones(summed.shape, bool) if all_finite(out) else np.isfinite(out).all(axis=-1)
    if empty is not None:
        largest[empty] = 0
        good &= (summed != 0) | empty  # else all visible scores came out as -inf
    if exponentials.nbytes <= kept.room:
        kept.tiles[WHOLE], kept.memory[WHOLE] = [exponentials], []
    rows = problem.shape[:-1]
    statistics = RowStatistics(shift.reshape(rows), summed.reshape(rows), largest.reshape(rows))
    return ForwardResults(out.reshape(*rows, -1), statistics, good.reshape(rows))


def backward(
    problem: TiledArguments, statistics: RowStatistics, out: Array, d_out: Array, d_lse: Array,
    tiles: dict[Place, list[Array]],
) -> list[Array | None]:  # fmt: skip
    """The gradients in the shapes of `TiledArguments`, from finite inputs and cotangents."""
    query, key, value = _stacked(problem)
    exponentials = tiles[WHOLE][0] if tiles else _exponentials(problem, query, key)[0]
    rows = query.shape[:2]
    out, d_out = out.reshape(*rows, -1), d_out.reshape(*rows, -1)
    summed, d_lse = statistics.summed.reshape(rows), d_lse.reshape(rows)
    if problem.mask is not None:
        summed = np.where(summed == 0, 1, summed)
    d_rows = d_out / summed[..., None]
    # out = weights @ value
    d_scores = np.matmul(d_rows, transposed(value))
    d_value = np.matmul(transposed(exponentials), d_rows)
    # weights = softmax(masked)
    d_scores -= (np.einsum("...e,...e->...", d_rows, out) - d_lse / summed)[..., None]
    d_scores *= exponentials
    _compute_peaks_last(d_scores, exponentials, statistics.largest.reshape(rows), d_lse)
    # scores = scale * query @ keyᵀ
    d_query, d_key = np.matmul(d_scores, key), np.matmul(transposed(d_scores), query)
    scale, d_scale = number_of(problem.scale), None
    if isinstance(problem.scale, np.ndarray):
        d_scale = accurate_sum(query * d_query).reshape(problem.scale.shape)
    for gradient in (d_query, d_key):
        gradient *= scale
        if scale < 0:
            gradient += 0  # turns -0 into 0
    batch = (*problem.shape[:-3], -1)
    d_keys = [x.reshape(*batch, *x.shape[1:]) if len(problem.shape) > 2 else x[0] for x in (d_key, d_value)]
    return [d_query.reshape(problem.query.shape), *d_keys, None, d_scale, None]


def _compute_peaks_last(d_scores: Array, exponentials: Array, largest: Array, d_lse: Array) -> None:
    """At weights above PEAK: d_lse minus the other d_scores of the row, in place."""
    peaked = np.nonzero(largest > PEAK)
    if not peaked[0].size:
        return
    at = (*peaked, exponentials[peaked].argmax(axis=-1))
    d_scores[at] = 0
    d_scores[at] = d_lse[peaked] - d_scores[peaked].sum(axis=-1)
