"""Backward of `fast_attention` on blocks of rows, tile by tile: one worker's unit of work."""

from typing import Any, NamedTuple

import numpy as np

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..base.admission import Array, quiet
from ..base.arrays import transposed, unbroadcast
from ..base.stable import finite_shift, sech_squared
from ..base.workers import Buffers, Put
from ..masks.mask import entry_index
from ..tiled.tiling import tile_view
from . import kernels
from .kernels import QueryBlock, RowStatistics, Workload
from .stack import RowBlock
from .visibility import visible_tiles, zero_hidden


class BackwardInputs(NamedTuple):
    """Cotangents and forward results shared by all blocks.

    d_out, out (N, n, L, E); d_lse and statistics (N, n, L); sinks2 (N, n), the sinks to the base 2, or None.
    """

    d_out: Array
    out: Array
    d_lse: Array
    statistics: RowStatistics
    sinks2: Array | None


class Chunk(NamedTuple):
    """Blocks of the same groups, one worker's unit; `whole` if they are all the blocks of these groups."""

    blocks: list[RowBlock]
    whole: bool


class _ChunkGradients:
    """Gradients of keys, values and bias accumulated over a chunk.

    Gradients of keys and values are kept by tile: views of `sums` if the chunk is whole, else own arrays.
    """

    def __init__(self, work: Workload, sums: AttentionGradients, chunk: Chunk) -> None:
        self.work, self.sums, self.whole = work, sums, chunk.whole
        self.groups = chunk.blocks[0].groups
        self.tiles: dict[tuple[str, int], Array] = {}
        self.d_bias: dict[tuple[Any, ...], tuple[tuple[int, ...], tuple[slice, ...], Array]] = {}

    def add(self, name: str, columns: slice, left: Array, right: Array, buffers: Buffers) -> None:
        """Accumulate left @ right, (groups, columns, X), into the gradient `name` of a tile's keys."""
        first = columns.start // self.work.columns * self.work.columns
        place = getattr(self.sums, name)[self.groups, first : first + self.work.columns]
        inside = slice(columns.start - first, columns.stop - first)
        fresh = (name, first) not in self.tiles
        if fresh:
            self.tiles[name, first] = place if self.whole else np.zeros_like(place)
        tile = self.tiles[name, first][:, inside]
        if fresh:
            np.matmul(left, right, out=tile)
        else:
            tile += np.matmul(left, right, out=buffers(name, tile.shape, tile.dtype))

    def add_at_keys(self, columns: slice, keys: tuple[Array, Array], d_keys: Array) -> None:
        """Accumulate d_keys (…, D) into d_key at single keys (groups, columns) of a tile."""
        first = columns.start // self.work.columns * self.work.columns
        tile = self.tiles["d_key", first][:, columns.start - first : columns.stop - first]
        np.add.at(tile, keys, d_keys)

    def add_to_bias(self, index: tuple[int, ...], tile: tuple[slice, ...], d_tile: Array) -> None:
        """Accumulate one tile into the gradient of the bias, or of its parameter (`tile` is then empty)."""
        key = (index, *((axis.start, axis.stop) for axis in tile))
        if key in self.d_bias:
            self.d_bias[key][2][...] += d_tile
        else:
            self.d_bias[key] = index, tile, d_tile.copy()

    def unscale_keys(self) -> None:
        """Divide d_key by `query_factor`: it was computed from queries multiplied by it."""
        factor = kernels.query_factor(self.work.stack.problem.softcap)
        for (name, _), tile in self.tiles.items():
            if name == "d_key":
                tile /= factor

    def put(self) -> None:
        """Add all that is not a view of the sums to them."""
        for (name, first), tile in self.tiles.items():
            if not self.whole:
                getattr(self.sums, name)[self.groups, first : first + self.work.columns] += tile
        for index, where, d_bias in self.d_bias.values():
            if where:
                tile_view(self.sums.d_bias[index], *where)[...] += d_bias
            else:
                self.sums.d_bias[index] += d_bias


@quiet
def backward_chunk(
    work: Workload, inputs: BackwardInputs, sums: AttentionGradients, chunk: Chunk, buffers: Buffers
) -> Put:
    """Backward of each block; gradients shared with other chunks are added in chunk order by the result."""
    gradients = _ChunkGradients(work, sums, chunk)
    for block in chunk.blocks:
        _backward_block(work, inputs, gradients, block, buffers)
    gradients.unscale_keys()
    return quiet(gradients.put)


def _backward_block(
    work: Workload, inputs: BackwardInputs, gradients: _ChunkGradients, block: RowBlock, buffers: Buffers
) -> None:
    """Recompute each tile of a block, then undo the seven steps on it."""
    stack, problem, sums = work.stack, work.stack.problem, gradients.sums
    softcap, dropout = problem.softcap, problem.dropout
    queries = kernels.scale_queries(work, block, buffers)
    d_rows, less, shift, peak_from, peaks = _row_terms(inputs, sums, block, buffers)
    (groups, R, D), dtype = queries.query.shape, queries.query.dtype
    d_query, empty, shifted = sums.d_query[block].reshape(groups, R, D), True, shift.any()
    for columns, masks in visible_tiles(work, queries):
        key, value = stack.key[block.groups, columns], stack.value[block.groups, columns]
        shape = (groups, columns.stop - columns.start, R)
        scores = np.matmul(key, transposed(queries.query), out=buffers("scores", shape, dtype))
        raw = None if softcap is None else kernels.apply_softcap(scores, softcap, buffers)
        if problem.bias is not None:
            kernels.add_bias(work, queries, columns, scores)
        if shifted:
            np.subtract(scores, shift[:, None, :], out=scores)
        if shifted or not kernels.scores_are_small(work, queries, columns):
            zero_hidden(queries, masks, scores)
        weights = kernels.flushed_exp2(scores, buffers) if shifted else np.exp2(scores, out=scores)
        zero_hidden(queries, masks, weights)
        # out = thinned @ value
        d_scores, thinned = buffers("d_scores", shape, dtype), weights
        np.matmul(value, transposed(d_rows), out=d_scores)
        # thinned = weights * multipliers
        if dropout is not None:
            kernels.apply_dropout(work, queries, columns, d_scores)
            thinned = buffers("thinned", shape, dtype)
            np.copyto(thinned, weights)
            kernels.apply_dropout(work, queries, columns, thinned)
        # weights = softmax(masked)
        np.subtract(d_scores, less[:, None, :], out=d_scores)
        np.multiply(d_scores, weights, out=d_scores)
        # masked = where(visible, biased, -inf)
        zero_hidden(queries, masks, d_scores)
        if peaks is not None:
            peaks.take(weights > peak_from[:, None, :], d_scores, columns, raw)
        # biased = capped + bias
        _add_bias_gradient(gradients, work, queries, columns, d_scores)
        # capped = softcap * tanh(scores / softcap)
        if raw is not None:
            np.multiply(d_scores, sech_squared(raw), out=d_scores)
            zero_hidden(queries, masks, d_scores)
        gradients.add("d_value", columns, thinned, d_rows, buffers)
        # scores = scale * query @ keyᵀ
        gradients.add("d_key", columns, d_scores, queries.query, buffers)
        product = d_query if empty else buffers("product", d_query.shape, dtype)
        np.matmul(transposed(d_scores), key, out=product)
        if not empty:
            d_query += product
        empty = False
    if empty:
        d_query[...] = 0
    if peaks is not None:
        _add_peaks(work, queries, gradients, peaks, d_query)
    if sums.d_scale is not None:
        shape = inputs.d_lse[block].shape
        per_row = np.einsum("...d,...d->...", stack.query[block], d_query.reshape(*shape, D))
        sums.d_scale[block] = per_row[..., None]
    scale = work.scale_of(block)
    sums.d_query[block] *= scale
    if np.min(scale) < 0:
        sums.d_query[block] += 0  # turns -0 into 0


class _RowTerms(NamedTuple):
    """Per-row inputs (groups, members * rows) of the backward on tiles.

    Tiles recompute exponentials with the forward's final shift, not divided by the row's sum. d_out (d_rows)
    and delta - d_lse (less) are divided by it instead: they have fewer entries. An exponential above
    peak_from is a peak.
    """

    d_rows: Array
    less: Array
    shift: Array
    peak_from: Array
    peaks: "Peaks | None"


def _row_terms(
    inputs: BackwardInputs, sums: AttentionGradients, block: RowBlock, buffers: Buffers
) -> _RowTerms:
    """The terms of a block's rows; writes d_sinks."""

    def by_row(x: Array, *width: int) -> Array:
        return x[block].reshape(x[block].shape[0], -1, *width)

    d_out, out = (by_row(x, x.shape[-1]) for x in (inputs.d_out, inputs.out))
    d_lse, shift, summed, largest = (by_row(x) for x in (inputs.d_lse, *inputs.statistics))
    shift, summed = finite_shift(shift), np.where(summed == 0, 1, summed)
    less = np.einsum("...e,...e->...", d_out, out, out=buffers("less", d_lse.shape, d_lse.dtype))
    less -= d_lse
    rest = d_lse
    if inputs.sinks2 is not None:
        d_sink = np.exp2(kernels.repeat_by_row(inputs.sinks2, block) - shift) / summed * -less
        sums.d_sinks[block], rest = d_sink.reshape(sums.d_sinks[block].shape), d_lse - d_sink
    peaked = largest > PEAK
    peak_from = np.where(peaked, PEAK * summed, np.inf).astype(summed.dtype)
    peaks = Peaks(rest.copy()) if peaked.any() else None
    d_rows = np.divide(d_out, summed[:, :, None], out=buffers("d_rows", d_out.shape, d_out.dtype))
    return _RowTerms(d_rows, np.divide(less, summed, out=less), shift, peak_from, peaks)


PEAK = 15 / 16
"""A weight above this is a peak. Below, 1 - weight is at least 1/16, and d_scores there lose four bits."""


class Peaks:
    """d_scores at peaks, computed last from the row sum, as in `blockwise_attention`.

    rest (groups, rows) is d_lse minus the row sum of all other d_scores, the sink's included.
    """

    def __init__(self, rest: Array) -> None:
        self.rest = rest
        self.positions: list[tuple[slice, tuple[Array, ...], Any]] = []

    def take(self, peak: Array, d_scores: Array, columns: slice, raw: Array | None) -> None:
        """Record a tile's peaks with the softcap's slope, set them to 0, subtract the others from `rest`."""
        at = np.unravel_index(np.flatnonzero(peak), peak.shape)
        if at[0].size:
            d_scores[at] = 0
            self.positions.append((columns, at, 1 if raw is None else sech_squared(raw[at])))
        self.rest -= np.matmul(np.ones(d_scores.shape[1], d_scores.dtype), d_scores)


def _add_peaks(
    work: Workload, queries: QueryBlock, gradients: _ChunkGradients, peaks: Peaks, d_query: Array
) -> None:
    """Accumulate the peaks' d_scores into the gradients of query, key and bias."""
    for columns, (group, column, row), slope in peaks.positions:
        d_peak = peaks.rest[group, row]
        if work.stack.problem.bias is not None:
            groups, rows = peaks.rest.shape
            tile = np.zeros((groups, columns.stop - columns.start, rows), d_peak.dtype)
            tile[group, column, row] = d_peak
            _add_bias_gradient(gradients, work, queries, columns, tile)
        d_peak = (d_peak * slope)[:, None]
        d_query[group, row] += d_peak * work.stack.key[queries.block.groups, columns][group, column]
        gradients.add_at_keys(columns, (group, column), d_peak * queries.query[group, row])


def _add_bias_gradient(
    gradients: _ChunkGradients, work: Workload, queries: QueryBlock, columns: slice, d_scores: Array
) -> None:
    """Accumulate one tile into the bias gradient, head by head, summed over its broadcast axes."""
    bias = work.stack.problem.bias
    if bias is None:
        return
    L, S = work.stack.problem.shape[-2:]
    tile, rows = queries.by_member(d_scores), queries.block.rows
    for head in queries.heads:
        d_tile = tile[head.at][0, :, 0, :].T
        if isinstance(head.bias, Bias):
            assert isinstance(bias, Bias)
            d_bias = np.asarray(head.bias.tile_gradient(d_tile, rows, columns, L, S))
            gradients.add_to_bias(entry_index(head.batch_index, bias.parameter, d_bias.ndim), (), d_bias)
        else:
            assert isinstance(bias, np.ndarray)
            assert head.bias is not None
            d_bias = unbroadcast(d_tile, tile_view(head.bias, rows, columns).shape)
            gradients.add_to_bias(entry_index(head.batch_index, bias, 2), (rows, columns), d_bias)
