"""One block of rows of `fast_attention` backward, tile by tile: what a worker does at a time."""

from typing import Any, NamedTuple

import numpy as np

from ..attention.biases import Bias
from ..base.admission import Array, quiet
from ..base.arrays import transposed, unbroadcast
from ..base.stable import sech_squared
from ..base.workers import Buffers, Put
from ..masks.mask import entry_index
from ..tiled.tiling import part
from .kernels import (
    OfRows,
    Rows,
    Work,
    add_bias,
    by_row,
    cap,
    factor_of,
    powers,
    rows_of,
    shift_of,
    small,
    thin,
)
from .stack import Block
from .visibility import hide, tiles_of


class Above(NamedTuple):
    """What the backward's blocks start from.

    d_out, out (N, n, L, E); for each row (N, n, L), d_lse and what the forward found; sinks2 (N, n), the
    sinks to the base 2, or None.
    """

    d_out: Array
    out: Array
    d_lse: Array
    of_rows: OfRows
    sinks2: Array | None


class Sums(NamedTuple):
    """Where the backward's blocks put and add what they find, in the shapes of `Slabs`.

    d_bias is the bias's gradient in the bias's own shape, or that of its parameter; d_scale (N, n, L, 1);
    d_sinks (N, n, L), what each row gives to its sink.
    """

    d_query: Array
    d_key: Array
    d_value: Array
    d_bias: Array | None
    d_scale: Array | None
    d_sinks: Array | None


class Chunk(NamedTuple):
    """Blocks of one stack of slabs that one worker adds up; whether they are all that stack has."""

    blocks: list[Block]
    whole: bool


class _Found:
    """What a worker has found of a stack of slabs and not yet put in its place.

    Gradients of keys and values by tiles: parts of the sums themselves where no other worker adds to them.
    """

    def __init__(self, work: Work, sums: Sums, chunk: Chunk) -> None:
        self.work, self.sums, self.whole = work, sums, chunk.whole
        self.stack = chunk.blocks[0].slabs
        self.tiles: dict[tuple[str, int], Array] = {}
        self.d_bias: dict[tuple[Any, ...], tuple[tuple[int, ...], tuple[slice, ...], Array]] = {}

    def add(self, name: str, columns: slice, left: Array, right: Array, buffers: Buffers) -> None:
        """left @ right, (slabs, columns, X), to the gradient of so named keys."""
        first = columns.start // self.work.columns * self.work.columns
        place = getattr(self.sums, name)[self.stack, first : first + self.work.columns]
        inside = slice(columns.start - first, columns.stop - first)
        fresh = (name, first) not in self.tiles
        if fresh:
            self.tiles[name, first] = place if self.whole else np.zeros_like(place)
        tile = self.tiles[name, first][:, inside]
        if fresh:
            np.matmul(left, right, out=tile)
        else:
            tile += np.matmul(left, right, out=buffers(name, tile.shape, tile.dtype))

    def add_at(self, columns: slice, places: tuple[Array, Array], d_keys: Array) -> None:
        """d_keys (…, D) to the gradients of single keys of a tile: places are slabs and columns."""
        first = columns.start // self.work.columns * self.work.columns
        tile = self.tiles["d_key", first][:, columns.start - first : columns.stop - first]
        np.add.at(tile, places, d_keys)

    def add_to_bias(self, place: tuple[int, ...], tile: tuple[slice, ...], given: Array) -> None:
        """To the gradient of the bias, or of its parameter, at a place: what of a tile of it was found."""
        key = (place, *((some.start, some.stop) for some in tile))
        if key in self.d_bias:
            self.d_bias[key][2][...] += given
        else:
            self.d_bias[key] = place, tile, given.copy()

    def finish(self) -> None:
        """Gradients of keys, as far as they are found, divided by the factor with which the query came."""
        factor = factor_of(self.work.slabs.problem.softcap)
        for (name, _), tile in self.tiles.items():
            if name == "d_key":
                tile /= factor

    def put(self) -> None:
        """Everything added to the sums, but for tiles that are parts of them."""
        for (name, first), tile in self.tiles.items():
            if not self.whole:
                getattr(self.sums, name)[self.stack, first : first + self.work.columns] += tile
        for at, where, d_bias in self.d_bias.values():
            assert self.sums.d_bias is not None
            if where:
                part(self.sums.d_bias[at], *where)[...] += d_bias
            else:
                self.sums.d_bias[at] += d_bias


@quiet
def backward_chunk(work: Work, above: Above, sums: Sums, chunk: Chunk, buffers: Buffers) -> Put:
    """Block after block; what goes to the same keys or bias as that of other chunks is put in their turn."""
    found = _Found(work, sums, chunk)
    for block in chunk.blocks:
        _backward_block(work, above, sums, found, block, buffers)
    found.finish()
    return quiet(found.put)


def _backward_block(
    work: Work, above: Above, sums: Sums, found: _Found, block: Block, buffers: Buffers
) -> None:
    """The tiles of a block again, and the seven steps back through each of them."""
    slabs, problem = work.slabs, work.slabs.problem
    softcap, dropout = problem.softcap, problem.dropout
    rows = rows_of(work, block, buffers)
    d_rows, less, base, high, peaks = _begun(above, sums, block, buffers)
    (heads, R, D), dtype = rows.query.shape, rows.query.dtype
    d_query, empty, shifted = sums.d_query[block].reshape(heads, R, D), True, base.any()
    for columns, hidden in tiles_of(work, rows):
        key, value = slabs.key[block.slabs, columns], slabs.value[block.slabs, columns]
        shape = (heads, columns.stop - columns.start, R)
        scores = np.matmul(key, transposed(rows.query), out=buffers("scores", shape, dtype))
        raw = None if softcap is None else cap(scores, softcap, buffers)
        if problem.bias is not None:
            add_bias(work, rows, columns, scores)
        if shifted:
            np.subtract(scores, base[:, None, :], out=scores)
        if shifted or not small(work, rows, columns):
            hide(rows, hidden, scores)
        weights = powers(scores, buffers) if shifted else np.exp2(scores, out=scores)
        hide(rows, hidden, weights)
        d_scores, thinned = buffers("d_scores", shape, dtype), weights
        np.matmul(value, transposed(d_rows), out=d_scores)
        if dropout is not None:
            thin(work, rows, columns, d_scores)
            thinned = buffers("thinned", shape, dtype)
            np.copyto(thinned, weights)
            thin(work, rows, columns, thinned)
        np.subtract(d_scores, less[:, None, :], out=d_scores)
        np.multiply(d_scores, weights, out=d_scores)
        hide(rows, hidden, d_scores)
        if peaks is not None:
            peaks.take(weights > high[:, None, :], d_scores, columns, raw)
        _found_bias(found, work, rows, columns, d_scores)
        if raw is not None:
            np.multiply(d_scores, sech_squared(raw), out=d_scores)
            hide(rows, hidden, d_scores)
        found.add("d_value", columns, thinned, d_rows, buffers)
        found.add("d_key", columns, d_scores, rows.query, buffers)
        product = d_query if empty else buffers("product", d_query.shape, dtype)
        np.matmul(transposed(d_scores), key, out=product)
        if not empty:
            d_query += product
        empty = False
    if empty:
        d_query[...] = 0
    if peaks is not None:
        _put_peaks(work, rows, found, peaks, d_query)
    if sums.d_scale is not None:
        shape = above.d_lse[block].shape
        per_row = np.einsum("...d,...d->...", slabs.query[block], d_query.reshape(*shape, D))
        sums.d_scale[block] = per_row[..., None]
    scale = work.scale_of(block)
    sums.d_query[block] *= scale
    if np.min(scale) < 0:
        sums.d_query[block] += 0  # a zero stays one, and not -0


class _Begun(NamedTuple):
    """A block of rows (slabs, members * rows) before its first tile.

    Exponentials are as at the forward's end, shifted by base; what they lack to be weights, the division by
    their sum, is done to d_rows and less, which have fewer numbers: d_out, and delta - d_lse. An exponential
    above high is a peak.
    """

    d_rows: Array
    less: Array
    base: Array
    high: Array
    peaks: "Peaks | None"


def _begun(above: Above, sums: Sums, block: Block, buffers: Buffers) -> _Begun:
    """What the tiles of a block ask of what is above; and what rows give to their sinks."""

    def of_rows(x: Array, *width: int) -> Array:
        return x[block].reshape(x[block].shape[0], -1, *width)

    d_out, out = (of_rows(x, x.shape[-1]) for x in (above.d_out, above.out))
    d_lse, base, summed, largest = (of_rows(x) for x in (above.d_lse, *above.of_rows))
    base, summed = shift_of(base), np.where(summed == 0, 1, summed)
    less = np.einsum("...e,...e->...", d_out, out, out=buffers("less", d_lse.shape, d_lse.dtype))
    less -= d_lse
    rest = d_lse
    if above.sinks2 is not None:
        assert sums.d_sinks is not None
        d_sink = np.exp2(by_row(above.sinks2, block) - base) / summed * -less
        sums.d_sinks[block], rest = d_sink.reshape(sums.d_sinks[block].shape), d_lse - d_sink
    peaked = largest > HIGH
    high = np.where(peaked, HIGH * summed, np.inf).astype(summed.dtype)
    peaks = Peaks(rest.copy()) if peaked.any() else None
    d_rows = np.divide(d_out, summed[:, :, None], out=buffers("d_rows", d_out.shape, d_out.dtype))
    return _Begun(d_rows, np.divide(less, summed, out=less), base, high, peaks)


HIGH = 15 / 16
"""A weight above this is a peak. Below, 1 - weight is 1/16 or more, and its own d_score loses four bits."""


class Peaks:
    """Peaks, whose own d_scores come last, as in `blockwise_attention`: what a row still lacks.

    rest (slabs, rows) is what is left of a row's sum, once all d_scores but that at its peak are taken off.
    """

    def __init__(self, rest: Array) -> None:
        self.rest = rest
        self.found: list[tuple[slice, tuple[Array, ...], Any]] = []

    def take(self, peak: Array, d_scores: Array, columns: slice, raw: Array | None) -> None:
        """The peaks of a tile set to 0 and kept in mind with the softcap's slope; the rest taken off."""
        places = np.unravel_index(np.flatnonzero(peak), peak.shape)
        if places[0].size:
            d_scores[places] = 0
            self.found.append((columns, places, 1 if raw is None else sech_squared(raw[places])))
        self.rest -= np.matmul(np.ones(d_scores.shape[1], d_scores.dtype), d_scores)


def _put_peaks(work: Work, rows: Rows, found: "_Found", peaks: Peaks, d_query: Array) -> None:
    """What the peaks give to query, key and bias."""
    for columns, (slab, column, row), slope in peaks.found:
        rest = peaks.rest[slab, row]
        if work.slabs.problem.bias is not None:
            tile = np.zeros(
                (*peaks.rest.shape[:1], columns.stop - columns.start, peaks.rest.shape[1]), rest.dtype
            )
            tile[slab, column, row] = rest
            _found_bias(found, work, rows, columns, tile)
        rest = (rest * slope)[:, None]
        d_query[slab, row] += rest * work.slabs.key[rows.block.slabs, columns][slab, column]
        found.add_at(columns, (slab, column), rest * rows.query[slab, row])


def _found_bias(found: _Found, work: Work, rows: Rows, columns: slice, d_scores: Array) -> None:
    """What a tile gives to the bias: entry by entry, summed over what the bias repeats in it."""
    bias = work.slabs.problem.bias
    if bias is None:
        return
    L, S = work.slabs.problem.shape[-2:]
    tile = rows.by_member(d_scores)
    for entry in rows.entries:
        d_tile = tile[entry.at][0, :, 0, :].T
        if isinstance(entry.bias, Bias):
            assert isinstance(bias, Bias)
            given = np.asarray(entry.bias.tile_gradient(d_tile, rows.block.rows, columns, L, S))
            found.add_to_bias(entry_index(entry.place, bias.parameter, given.ndim), (), given)
        else:
            assert isinstance(bias, np.ndarray)
            assert entry.bias is not None
            given = unbroadcast(d_tile, part(entry.bias, rows.block.rows, columns).shape)
            found.add_to_bias(entry_index(entry.place, bias, 2), (rows.block.rows, columns), given)
