"""Forward of `fast_attention` on one block of rows, tile by tile: one thread's unit of work."""

import math
from typing import NamedTuple

import numpy as np

from ..base.admission import Array, quiet
from ..base.arrays import transposed
from ..base.stable import finite_shift
from ..base.workers import Buffers
from . import kernels
from .kept import Kept, place
from .kernels import SMALL, QueryBlock, RowStatistics, Workload, power
from .nonfinite import all_finite
from .stack import RowBlock
from .tile import Tile
from .visibility import first_seen, visible_maximum, visible_tiles, zero_hidden


class ForwardResults(NamedTuple):
    """Arrays that blocks write to: out (N, n, L, E), statistics and good (N, n, L).

    good is False for rows out of the kernels' range: clipped, overflowing or too small.
    """

    out: Array
    statistics: RowStatistics
    good: Array


class _Rows:
    """State of the online softmax for a block's rows (groups, R): the shift, and sums under that shift."""

    def __init__(self, out: Array) -> None:
        self.out = out
        self.shift = np.full(out.shape[:2], -np.inf, out.dtype)  # until the row's first visible key
        self.summed = np.zeros(out.shape[:2], out.dtype)  # of the exponentials
        self.largest = 0.0  # of all exponentials
        self.empty, self.shifted = True, False

    def include(self, tile: Tile, exponentials: Array) -> None:
        """Add a tile's exponentials to the sums."""
        largest = float(exponentials.max())
        self.largest = max(self.largest, math.inf if math.isnan(largest) else largest)
        summed = tile.by_row(self.summed)
        summed += np.matmul(np.ones(exponentials.shape[-2], exponentials.dtype), exponentials)

    def include_values(self, tile: Tile, thinned: Array, value: Array, buffers: Buffers) -> None:
        """Add thinnedᵀ @ value to the output."""
        if self.empty and tile.rows is None:
            np.matmul(transposed(thinned), tile.of_keys(value), out=self.out[:, None])
        else:
            if self.empty:
                self.out[...] = 0
            out = tile.of_rows(self.out)
            out += np.matmul(
                transposed(thinned), tile.of_keys(value), out=buffers("product", out.shape, out.dtype)
            )
        self.empty = False

    def shift_to(self, tile: Tile, shift: Array) -> None:
        """Convert the sums to a new shift of the tile's rows."""
        before = tile.by_row(self.shift)
        factor = np.where(np.isneginf(before), 0, power(finite_shift(before) - finite_shift(shift)))
        summed = tile.by_row(self.summed)
        summed *= factor
        if not self.empty and (factor != 1).any():
            out = tile.of_rows(self.out)
            out *= factor[..., None]
        before[...] = shift


@quiet
def forward_block(
    work: Workload,
    results: ForwardResults,
    sinks: Array | None,
    kept: Kept,
    block: RowBlock,
    buffers: Buffers,
) -> None:
    """The online softmax over the tiles of a block: see `blockwise_attention`.

    sinks (N, n) are the sinks in units. A row is shifted by its highest score, or by 0 if its scores
    are small. The choice, and so every bit of the row's result, depends on its visible keys alone.
    """
    queries = kernels.scale_queries(work, block, buffers)
    out = results.out[block]  # a block of several members has all their rows, so this is a view
    rows = _Rows(out.reshape(len(out), -1, out.shape[-1]))
    value, dropout = work.stack.value[block.groups], work.stack.problem.dropout
    tiles: list[Array] | None = [] if kept.room else None
    for tile in visible_tiles(work, queries):
        shape, dtype = kernels.tile_shape(queries, tile), out.dtype
        own = None if tiles is None else kept.new_tile(block, shape, dtype)
        scores = buffers("scores", shape, dtype) if own is None else own
        kernels.scores_in_units(work, queries, tile, scores, buffers)
        exponentials = _exponentials(work, queries, rows, tile, scores, buffers)
        zero_hidden(queries, tile, exponentials)
        rows.include(tile, exponentials)
        if dropout is not None:
            exponentials = buffers("thinned", shape, dtype)
            np.copyto(exponentials, scores)
            kernels.apply_dropout(work, queries, tile, exponentials)
        rows.include_values(tile, exponentials, value, buffers)
        if tiles is not None:
            tiles.append(scores)
            if own is None or rows.shifted:
                kept.give_back(block)
                tiles = None
    if rows.empty:
        rows.out[...] = 0
    _finish(results, queries, rows, sinks, buffers)
    if tiles is not None and rows.shifted:  # by a sink
        kept.give_back(block)
    elif tiles is not None:
        kept.tiles[place(block)] = tiles


def _exponentials(
    work: Workload, queries: QueryBlock, rows: _Rows, tile: Tile, scores: Array, buffers: Buffers
) -> Array:
    """power(scores - shift) in place, after a new shift where rows need one."""
    shift = tile.by_row(rows.shift)
    seen = first_seen(queries, tile, shift)
    small: Array | bool = kernels.scores_are_small(work, queries) or _small_rows(queries, tile, scores)
    if small is True and not rows.shifted:
        np.maximum(shift, seen, out=shift)
        return np.asarray(power(scores, out=scores))
    rows.shifted = True
    top = seen if small is True else np.where(small, seen, visible_maximum(queries, tile, scores, seen))
    rows.shift_to(tile, np.maximum(shift, top))
    np.subtract(scores, finite_shift(shift)[..., None, :], out=scores)
    zero_hidden(queries, tile, scores)
    return kernels.flushed_power(scores, buffers)


def _small_rows(queries: QueryBlock, tile: Tile, scores: Array) -> Array | bool:
    """Rows whose visible scores are small, or True if all are; hidden scores become 0 in place."""
    zero_hidden(queries, tile, scores)
    if scores.max() <= SMALL and scores.min() >= -SMALL:
        return True
    return np.asarray((scores.max(axis=-2) <= SMALL) & (scores.min(axis=-2) >= -SMALL))


def _finish(
    results: ForwardResults, queries: QueryBlock, rows: _Rows, sinks: Array | None, buffers: Buffers
) -> None:
    """Include the sinks, divide by the sums, and write statistics and `good`."""
    block = queries.block
    unseen = rows.shift == -np.inf  # fully masked
    lost = (rows.summed == 0) & ~unseen  # all visible scores came out as -inf
    if sinks is not None:
        sink, whole = kernels.repeat_by_row(sinks, block), Tile(slice(0), [])
        unshifted = (rows.shift == 0) & (sink <= SMALL)
        rows.shifted |= not (unshifted | unseen).all()
        rows.shift_to(whole, np.where(unshifted, 0, np.maximum(rows.shift, sink))[:, None])
        rows.summed += power(sink - finite_shift(rows.shift))
    total = np.where(rows.summed == 0, 1, rows.summed)
    rows.out /= total[:, :, None]
    statistics = RowStatistics(rows.shift, rows.summed, np.where(unseen, 0, rows.largest) / total)
    for result, x in zip(results.statistics, statistics, strict=True):
        result[block] = x.reshape(result[block].shape)
    good = ~lost & kernels.in_range(statistics.lse())
    if queries.overflows is not None:
        good &= ~queries.overflows
    if not all_finite(rows.out):
        good &= np.isfinite(rows.out).all(axis=-1)
    if (small := kernels.too_small(rows.out, 36, buffers)) is not None:
        good &= ~small
    results.good[block] = good.reshape(results.good[block].shape)
