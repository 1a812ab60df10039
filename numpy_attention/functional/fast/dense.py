"""Small problems of `fast_attention` as one tile: a few calls of NumPy on all heads at once.

Below some ten thousand scores, what Python does around the calls costs more than the calls. So this file has
neither tiles nor threads nor buffers; every row is shifted by its maximum, as in the textbook.
"""

import math
from functools import lru_cache

import numpy as np

from ..base.admission import Array
from ..base.arrays import accurate_sum, transposed
from ..masks.mask import Mask
from ..tiled.tiling import TiledArguments
from .forward import ForwardResults
from .kept import Kept, Place
from .kernels import PEAK, UNIT, RowStatistics, power
from .plan import number_of
from .stack import HeadStack, stack_heads

MOST_SCORES = 2**15
"""Above, the tiles of one thread are as fast."""

WHOLE = (0, 0, 0)
"""The place of the exponentials in `Kept`."""


def fits(problem: TiledArguments, block: tuple[int, int] | None) -> bool:
    """True for a small problem with no option but a mask and one number as scale."""
    return (
        block is None
        and math.prod(problem.shape) <= MOST_SCORES
        and problem.bias is None
        and problem.softcap is None
        and problem.sinks is None
        and problem.dropout is None
        and isinstance(number_of(problem.scale), float)
    )


def _queries(stack: HeadStack) -> Array:
    """The queries (N, n L, D) of a key head as rows of one matrix."""
    return stack.query.reshape(len(stack.key), -1, stack.key.shape[-1])


def _exponentials(stack: HeadStack) -> tuple[Array, Array, Array | None]:
    """power(scores - shift), 0 where hidden; the shift (N, n L, 1); True for rows without a visible key."""
    problem = stack.problem
    scores = np.matmul(_queries(stack) * (number_of(problem.scale) * UNIT), transposed(stack.key))
    empty = None if problem.mask is None else _hide(problem, problem.mask, scores)
    shift = np.maximum.reduce(scores, axis=-1, keepdims=True)
    if empty is not None:
        shift[shift == -np.inf] = 0
    np.subtract(scores, shift, out=scores)
    return power(scores, out=scores), shift, empty


def _hide(problem: TiledArguments, mask: Mask, scores: Array) -> Array | None:
    """-inf for hidden pairs, in place; True for rows without a visible key, None if every row has one."""
    L, S = problem.shape[-2:]
    diagonal = mask.diagonal(L, S)
    if diagonal is not None and diagonal >= 0:
        np.copyto(scores.reshape(-1, L, S), -np.inf, where=_above(diagonal, L, S))
        return None
    hidden = np.logical_not(problem.visible(slice(0, L), slice(0, S)))
    hidden = np.broadcast_to(hidden, problem.shape).reshape(scores.shape)
    np.copyto(scores, -np.inf, where=hidden)
    return np.asarray(hidden.all(axis=-1))


@lru_cache(maxsize=8)
def _above(diagonal: int, L: int, S: int) -> Array:
    """True above a diagonal: a causal mask costs more to build than to apply."""
    return ~np.tri(L, S, min(diagonal, S), dtype=bool)


def forward(problem: TiledArguments, kept: Kept) -> ForwardResults:
    """out (..., H, L, E) and statistics (..., H, L) of finite inputs.

    The largest exponential of a row is 1, so that its weight is 1 / summed.
    """
    stack = stack_heads(problem)
    exponentials, shift, empty = _exponentials(stack)
    summed = total = np.add.reduce(exponentials, axis=-1)
    if empty is not None:
        total = np.where(summed == 0, 1, summed)
    out = np.matmul(exponentials, stack.value)
    out /= total[..., None]
    largest = 1 / total
    good = np.logical_and.reduce(np.isfinite(out), axis=-1)
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
    stack = stack_heads(problem)
    exponentials = tiles[WHOLE][0] if tiles else _exponentials(stack)[0]
    query, key, value = _queries(stack), stack.key, stack.value
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
    d_key, d_value = stack.keys_unstacked(d_key), stack.keys_unstacked(d_value)
    return [stack.unstacked(d_query), d_key, d_value, None, d_scale, None]


def _compute_peaks_last(d_scores: Array, exponentials: Array, largest: Array, d_lse: Array) -> None:
    """At weights above PEAK: d_lse minus the other d_scores of the row, in place."""
    peaked = np.nonzero(largest > PEAK)
    if not peaked[0].size:
        return
    at = (*peaked, exponentials[peaked].argmax(axis=-1))
    d_scores[at] = 0
    d_scores[at] = d_lse[peaked] - d_scores[peaked].sum(axis=-1)
