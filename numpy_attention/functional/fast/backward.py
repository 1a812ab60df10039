"""Backward of `fast_attention` on blocks of rows, tile by tile: one thread's unit of work."""

from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..base.admission import Array, quiet
from ..base.arrays import transposed, unbroadcast
from ..base.stable import finite_shift, sech_squared
from ..base.workers import Buffers
from ..masks.mask import entry_index
from ..tiled.tiling import tile_view
from . import kernels
from .kept import Place, place
from .kernels import QueryBlock, RowStatistics, Workload, power, rows_of
from .plan import Chunk
from .stack import RowBlock
from .tile import Tile
from .visibility import visible_tiles, zero_hidden


class BackwardInputs(NamedTuple):
    """Cotangents and forward results shared by all blocks.

    d_out, out (N, n, L, E); d_lse and statistics (N, n, L); sinks (N, n), the sinks in units, or None;
    kept: the tiles of exponentials of some blocks.
    """

    d_out: Array
    out: Array
    d_lse: Array
    statistics: RowStatistics
    sinks: Array | None
    kept: dict[Place, list[Array]]


class GradientSums:
    """The gradients in the shapes of `HeadStack`, and what chunks add to them in the order of the chunks.

    Each chunk writes its own rows of d_query, d_scale and d_sinks, and its own d_key and d_value if it is
    whole. Sums shared with other chunks are added in order, so that they are rounded the same way for any
    number of threads: `add` holds back what comes too early.
    """

    def __init__(self, gradients: AttentionGradients) -> None:
        self.gradients = gradients
        self.lock, self.next = Lock(), 0
        self.early: dict[int, _ChunkGradients] = {}
        self.too_small = False  # a cotangent, for the kernels

    def add(self, number: int, chunk: "_ChunkGradients") -> None:
        """Add what chunk `number` shares with others, once all chunks before it are added."""
        with self.lock:
            self.early[number] = chunk
            while self.next in self.early:
                self.early.pop(self.next).put()
                self.next += 1


class _ChunkGradients:
    """Gradients of keys, values and bias over a chunk; those of keys are views of the sums if it is whole."""

    def __init__(self, work: Workload, sums: GradientSums, chunk: Chunk) -> None:
        self.sums, self.chunk = sums, chunk
        self.groups = chunk.blocks[0].groups
        shared = [sums.gradients.d_key[self.groups], sums.gradients.d_value[self.groups]]
        self.d_key, self.d_value = shared if chunk.whole else [np.empty_like(x) for x in shared]
        self.fresh = not work.masked  # the first block then writes every key
        if not self.fresh:
            self.d_key[...] = self.d_value[...] = 0
        self.d_bias: dict[tuple[Any, ...], tuple[tuple[int, ...], tuple[slice, ...], Array]] = {}

    def add_to_bias(self, index: tuple[int, ...], tile: tuple[slice, ...], d_tile: Array) -> None:
        """Accumulate one tile into the gradient of the bias, or of its parameter (`tile` is then empty)."""
        key = (index, *((axis.start, axis.stop) for axis in tile))
        if key in self.d_bias:
            self.d_bias[key][2][...] += d_tile
        else:
            self.d_bias[key] = index, tile, d_tile.copy()

    def put(self) -> None:
        """Add all that is not a view of the sums to them."""
        sums = self.sums.gradients
        if not self.chunk.whole:
            sums.d_key[self.groups] += self.d_key
            sums.d_value[self.groups] += self.d_value
        for index, where, d_bias in self.d_bias.values():
            if where:
                tile_view(sums.d_bias[index], *where)[...] += d_bias
            else:
                sums.d_bias[index] += d_bias


@quiet
def backward_chunk(
    work: Workload, inputs: BackwardInputs, sums: GradientSums, numbered: tuple[int, Chunk], buffers: Buffers
) -> None:
    """Backward of each block of a chunk, and its part of the sums that are shared."""
    number, chunk = numbered
    gradients = _ChunkGradients(work, sums, chunk)
    for block in chunk.blocks:
        _backward_block(work, inputs, gradients, block, buffers)
        gradients.fresh = False
    sums.add(number, gradients)


def _backward_block(
    work: Workload, inputs: BackwardInputs, gradients: _ChunkGradients, block: RowBlock, buffers: Buffers
) -> None:
    """Undo the seven steps on each tile of a block, from its exponentials."""
    problem, sums, kept = work.stack.problem, gradients.sums.gradients, inputs.kept.get(place(block))
    key, value = work.stack.key[block.groups], work.stack.value[block.groups]
    queries = kernels.unscaled_queries(work, block)
    query, scale = transposed(queries.scaled), work.scale_of(block)
    query = np.multiply(query, scale, out=buffers("query", query.shape, query.dtype))
    if kept is None:
        queries = kernels.scale_queries(work, block, buffers)
    rows = _row_terms(inputs, gradients.sums, block, buffers)
    d_query, empty = sums.d_query[block].reshape(query.shape), True
    for number, tile in enumerate(visible_tiles(work, queries)):
        shape, dtype = kernels.tile_shape(queries, tile), query.dtype
        if kept is None:
            weights, raw = _recompute(work, queries, tile, rows.shift, buffers)
        else:
            weights, raw = kept[number], None
        # out = thinned @ value
        d_scores, thinned = buffers("d_scores", shape, dtype), weights
        np.matmul(tile.of_keys(value), tile.of_transposed(rows.d_transposed), out=d_scores)
        # thinned = weights * multipliers
        if problem.dropout is not None:
            thinned = buffers("thinned", shape, dtype)
            np.copyto(thinned, weights)
            kernels.apply_dropout(work, queries, tile, d_scores, thinned)
        # weights = softmax(masked)
        np.subtract(d_scores, tile.by_row(rows.less)[..., None, :], out=d_scores)
        np.multiply(d_scores, weights, out=d_scores)
        # masked = where(visible, biased, -inf)
        zero_hidden(queries, tile, d_scores)
        if rows.peaks is not None:
            rows.peaks.take(weights > tile.by_row(rows.peak_from)[..., None, :], d_scores, tile, raw)
        # biased = capped + bias
        _add_bias_gradient(gradients, work, queries, tile, d_scores)
        # capped = softcap * tanh(scores / softcap)
        if raw is not None:
            np.multiply(d_scores, sech_squared(raw), out=d_scores)
            zero_hidden(queries, tile, d_scores)
        # scores = scale * query @ keyᵀ
        fresh = gradients.fresh
        _accumulate(tile.of_keys(gradients.d_value), thinned, tile.of_rows(rows.d_rows), fresh, buffers)
        _accumulate(tile.of_keys(gradients.d_key), d_scores, tile.of_rows(query), fresh, buffers)
        if empty and tile.rows is not None:
            d_query[...], empty = 0, False
        _accumulate(tile.of_rows(d_query), transposed(d_scores), tile.of_keys(key), empty, buffers)
        empty = False
    if empty:
        d_query[...] = 0
    if rows.peaks is not None:
        _add_peaks(work, queries, gradients, rows.peaks, query, d_query)
    if sums.d_scale is not None:
        own = rows_of(work.stack.query, block)
        per_row = np.einsum("...d,...d->...", own, d_query)
        sums.d_scale[block] = per_row.reshape(sums.d_scale[block].shape)
    d_query *= scale
    if np.min(scale) < 0:
        d_query += 0  # turns -0 into 0


def _recompute(
    work: Workload, queries: QueryBlock, tile: Tile, shift: Array, buffers: Buffers
) -> tuple[Array, Array | None]:
    """A tile's exponentials as in forward, under the final shift, and the softcap's argument."""
    shifted = bool(shift.any())
    scores = buffers("scores", kernels.tile_shape(queries, tile), shift.dtype)
    raw = kernels.scores_in_units(work, queries, tile, scores, buffers)
    if shifted:
        np.subtract(scores, tile.by_row(shift)[..., None, :], out=scores)
    if shifted or not kernels.scores_are_small(work, queries):
        zero_hidden(queries, tile, scores)
    exponentials = kernels.flushed_power(scores, buffers) if shifted else power(scores, out=scores)
    zero_hidden(queries, tile, exponentials)
    return exponentials, raw


def _accumulate(target: Array, left: Array, right: Array, fresh: bool, buffers: Buffers) -> None:
    """target = left @ right if it is fresh, else +=."""
    if fresh:
        np.matmul(left, right, out=target)
    else:
        target += np.matmul(left, right, out=buffers("product", target.shape, target.dtype))


class _RowTerms(NamedTuple):
    """Per-row inputs (groups, R) of the backward on tiles.

    Exponentials are those under the forward's final shift, not divided by the row's sum. d_out (d_rows, and
    transposed) and delta - d_lse (less) are divided by it instead: they have fewer entries. An exponential
    above peak_from is a peak.
    """

    d_rows: Array
    d_transposed: Array
    less: Array
    shift: Array
    peak_from: Array
    peaks: "Peaks | None"


def _row_terms(inputs: BackwardInputs, sums: GradientSums, block: RowBlock, buffers: Buffers) -> _RowTerms:
    """The terms of a block's rows; writes d_sinks."""

    def by_row(x: Array) -> Array:
        own = x[block]
        return own.reshape(len(own), -1)

    d_out, out = rows_of(inputs.d_out, block), rows_of(inputs.out, block)
    d_lse, shift, summed, largest = (by_row(x) for x in (inputs.d_lse, *inputs.statistics))
    shift, summed = finite_shift(shift), np.where(summed == 0, 1, summed)
    less = np.einsum("...e,...e->...", d_out, out)
    less -= d_lse
    rest = d_lse
    if inputs.sinks is not None:
        d_sink = power(kernels.repeat_by_row(inputs.sinks, block) - shift) / summed * -less
        d_sinks = sums.gradients.d_sinks
        d_sinks[block], rest = d_sink.reshape(d_sinks[block].shape), d_lse - d_sink
    peaked = largest > kernels.PEAK
    peak_from = np.where(peaked, kernels.PEAK * summed, np.inf).astype(summed.dtype)
    peaks = Peaks(rest.copy()) if peaked.any() else None
    d_rows = np.divide(d_out, summed[..., None], out=buffers("d_rows", d_out.shape, d_out.dtype))
    if kernels.too_small(d_rows, 6, buffers) is not None:
        sums.too_small = True
    turned = buffers("d_transposed", transposed(d_rows).shape, d_out.dtype)
    np.copyto(turned, transposed(d_rows))
    return _RowTerms(d_rows, turned, np.divide(less, summed, out=less), shift, peak_from, peaks)


class Peaks:
    """d_scores at peaks, computed last from the row sum, as in `blockwise_attention`.

    rest (groups, R) is d_lse minus the row sum of all other d_scores, the sink's included.
    """

    def __init__(self, rest: Array) -> None:
        self.rest = rest
        self.positions: list[tuple[Tile, tuple[Array, ...], Any]] = []

    def take(self, peak: Array, d_scores: Array, tile: Tile, raw: Array | None) -> None:
        """Record a tile's peaks with the softcap's slope, set them to 0, subtract the others from `rest`."""
        at = np.unravel_index(np.flatnonzero(peak), peak.shape)
        if at[0].size:
            d_scores[at] = 0
            self.positions.append((tile, at, 1 if raw is None else sech_squared(raw[at])))
        rest = tile.by_row(self.rest)
        rest -= np.matmul(np.ones(d_scores.shape[-2], d_scores.dtype), d_scores)


def _add_peaks(
    work: Workload, queries: QueryBlock, gradients: _ChunkGradients, peaks: Peaks,
    query: Array, d_query: Array,
) -> None:  # fmt: skip
    """Accumulate the peaks' d_scores into the gradients of query, key and bias."""
    for tile, at, slope in peaks.positions:
        group, piece, column, row = at
        d_peak = tile.by_row(peaks.rest)[group, piece, row]
        if work.stack.problem.bias is not None:
            scores = np.zeros(kernels.tile_shape(queries, tile), d_peak.dtype)
            scores[at] = d_peak
            _add_bias_gradient(gradients, work, queries, tile, scores)
        d_peak = (d_peak * slope)[:, None]
        own_key = tile.of_keys(work.stack.key[queries.block.groups])[group, piece, column]
        tile.of_rows(d_query)[group, piece, row] += d_peak * own_key
        own_query = tile.of_rows(query)[group, piece, row]
        np.add.at(tile.of_keys(gradients.d_key), (group, piece, column), d_peak * own_query)


def _add_bias_gradient(
    gradients: _ChunkGradients, work: Workload, queries: QueryBlock, tile: Tile, d_scores: Array
) -> None:
    """Accumulate one tile into the bias gradient, head by head, summed over its broadcast axes."""
    bias = work.stack.problem.bias
    if bias is None:
        return
    L, S = work.stack.problem.shape[-2:]
    by_member, rows, columns = tile.by_member(d_scores, queries.members), queries.block.rows, tile.columns
    for head in queries.heads:
        d_tile = by_member[head.at][0, :, 0, :].T
        if isinstance(head.bias, Bias):
            assert isinstance(bias, Bias)
            d_bias = np.asarray(head.bias.tile_gradient(d_tile, rows, columns, L, S))
            gradients.add_to_bias(entry_index(head.batch_index, bias.parameter, d_bias.ndim), (), d_bias)
        else:
            assert isinstance(bias, np.ndarray)
            assert head.bias is not None
            d_bias = unbroadcast(d_tile, tile_view(head.bias, rows, columns).shape)
            gradients.add_to_bias(entry_index(head.batch_index, bias, 2), (rows, columns), d_bias)
