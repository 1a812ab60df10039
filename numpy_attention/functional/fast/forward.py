"""Forward of `fast_attention` on one block of rows, tile by tile: one worker's unit of work."""

from typing import Literal, NamedTuple

import numpy as np

from ..base.admission import Array, quiet
from ..base.arrays import transposed
from ..base.stable import finite_shift
from ..base.workers import Buffers
from . import kernels
from .kernels import SMALL, QueryBlock, RowStatistics, Workload
from .nonfinite import all_finite
from .stack import RowBlock
from .visibility import TileMasks, minimum_shift, visible_maximum, visible_tiles, zero_hidden


class ForwardResults(NamedTuple):
    """Output arrays that blocks write to: out (N, n, L, E) and statistics (N, n, L).

    `failed` lists blocks with a non-finite output or an lse out of range.
    """

    out: Array
    statistics: RowStatistics
    failed: list[RowBlock]


@quiet
def forward_block(
    work: Workload, results: ForwardResults, sinks2: Array | None, block: RowBlock, buffers: Buffers
) -> None:
    """The online softmax over the tiles of a block: see `blockwise_attention`.

    sinks2 (N, n) are the sinks to the base 2. A row is shifted by its highest score, or by 0 if its scores
    are small. The choice, and so every bit of the row's result, depends on its visible keys alone.
    """
    stack, problem = work.stack, work.stack.problem
    queries = kernels.scale_queries(work, block, buffers)
    (groups, R, _), dtype = queries.query.shape, queries.query.dtype
    shift = np.full((groups, R), -np.inf, dtype)  # until the row's first visible key
    summed, largest = np.zeros((2, groups, R), dtype)  # of the exponentials
    out = results.out[block].reshape(groups, R, -1)  # a view: a block of several members has all their rows
    empty, shifted = True, False
    for columns, masks in visible_tiles(work, queries):
        scores = buffers("scores", (groups, columns.stop - columns.start, R), dtype)
        np.matmul(stack.key[block.groups, columns], transposed(queries.query), out=scores)
        if problem.softcap is not None:
            kernels.apply_softcap(scores, problem.softcap, buffers)
        if problem.bias is not None:
            kernels.add_bias(work, queries, columns, scores)
        before, least = shift, minimum_shift(queries, masks, shift)
        small = kernels.scores_are_small(work, queries, columns) or _small_rows(queries, masks, scores)
        if small is True and not shifted:
            shift = np.maximum(shift, least)
            exponentials = np.exp2(scores, out=scores)
        else:
            top = least if small is True else np.where(small, least, visible_maximum(queries, masks, scores))
            shift, shifted = np.maximum(shift, top), True
            np.subtract(scores, finite_shift(shift)[:, None, :], out=scores)
            zero_hidden(queries, masks, scores)
            exponentials = kernels.flushed_exp2(scores, buffers)
            _rescale(before, shift, summed, largest, None if empty else out)
        zero_hidden(queries, masks, exponentials)
        np.maximum(largest, np.maximum.reduce(exponentials, axis=1), out=largest)
        summed += np.matmul(np.ones(scores.shape[1], dtype), exponentials)
        if problem.dropout is not None:
            kernels.apply_dropout(work, queries, columns, exponentials)
        product = out if empty else buffers("product", out.shape, dtype)
        np.matmul(transposed(exponentials), stack.value[block.groups, columns], out=product)
        if not empty:
            out += product
        empty = False
    if empty:
        out[...] = 0
    if sinks2 is not None:
        sink = kernels.repeat_by_row(sinks2, block)
        before, shift = shift, np.where((shift == 0) & (sink <= SMALL), 0, np.maximum(shift, sink))
        _rescale(before, shift, summed, largest, out)
        summed += np.exp2(sink - finite_shift(shift))
    total = np.where(summed == 0, 1, summed)
    out /= total[:, :, None]
    statistics = RowStatistics(shift, summed, largest / total)
    for result, x in zip(results.statistics, statistics, strict=True):
        result[block] = x.reshape(result[block].shape)
    if not (all_finite(out) and kernels.in_range(statistics.lse2()).all()):
        results.failed.append(block)


def _small_rows(queries: QueryBlock, masks: TileMasks, scores: Array) -> Array | Literal[True]:
    """Rows whose visible scores are small, or True if all are; hidden scores become 0 in place."""
    zero_hidden(queries, masks, scores)
    small = np.maximum.reduce(scores, axis=1) <= SMALL
    small &= np.minimum.reduce(scores, axis=1) >= -SMALL
    return True if small.all() else small


def _rescale(before: Array, shift: Array, summed: Array, largest: Array, out: Array | None) -> None:
    """Convert a row's sums in place from the shift `before` to `shift`."""
    factor = np.where(np.isneginf(before), 0, np.exp2(finite_shift(before) - finite_shift(shift)))
    summed *= factor
    largest *= factor
    if out is not None and (factor != 1).any():
        out *= factor[:, :, None]
