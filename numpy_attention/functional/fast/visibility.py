"""Tiles of `fast_attention`: fully masked ones are skipped or trimmed, hidden entries are set to 0."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ..base.admission import Array
from ..tiled.tiling import slices, tile_view
from .kernels import QueryBlock, Workload, transposed_tile
from .stack import ALL, HeadOptions
from .tile import Tile, TileMask

TRIANGLE = 64
"""Side of the masked pieces on the diagonal of a causal mask. Half of a triangle's work is wasted: with
pieces of 64 that is 6 % of all at 1024 rows, with pieces of 256 it is 25 %."""


CACHED_MASKS, CACHED_SCORES = 16, 2**18
"""Most tile masks cached, and most scores of each: 1 MB in float32."""


def visible_tiles(work: Workload, queries: QueryBlock) -> Iterator[Tile]:
    """The tiles of a block that are not fully masked, left to right."""
    L, S = work.stack.problem.shape[-2:]
    rows, masked = queries.block.rows, work.masked
    start, size = (work.diagonal or 0) + rows.start, rows.stop - rows.start
    if work.diagonal is not None and size % TRIANGLE == 0 and 0 <= start <= S - size:
        yield from (Tile(columns, []) for columns in slices(start, work.columns))
        yield from _diagonal_tiles(start, size, work.stack.query.dtype)
        return
    spans = [(0, S) if head.mask is None else head.mask.column_range(rows, L, S) for head in queries.heads]
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    for columns in slices(S, work.columns, first, last):
        tile = _cached_tile(work, queries, columns) if masked else Tile(columns, [])
        if tile is not None:
            yield tile


def _diagonal_tiles(start: int, size: int, dtype: np.dtype[Any]) -> Iterator[Tile]:
    """The square of `size` rows on the diagonal: triangles, and under them squares of 64, 128, … rows."""
    side = TRIANGLE
    yield Tile(slice(start, start + side), [_triangle(dtype)], slice(0, side), size // side, side)
    while side < size:
        yield Tile(slice(start, start + side), [], slice(side, 2 * side), size // (2 * side), 2 * side)
        side *= 2


@cache
def _triangle(dtype: np.dtype[Any]) -> TileMask:
    """A query sees the keys up to its own."""
    bits = -np.triu(np.ones((TRIANGLE, TRIANGLE), f"i{dtype.itemsize}"))
    return TileMask((ALL,), bits, np.zeros(TRIANGLE, dtype))


def _cached_tile(work: Workload, queries: QueryBlock, columns: slice) -> Tile | None:
    """`_trimmed_tile`, from the cache where all heads share one mask."""
    rows = queries.block.rows
    if not work.uniform or (rows.stop - rows.start) * work.columns > CACHED_SCORES:
        return _trimmed_tile(work, queries, columns)
    key = (rows.start, columns.start)
    if key not in work.mask_cache:
        tile = _trimmed_tile(work, queries, columns)
        if len(work.mask_cache) >= CACHED_MASKS:
            return tile
        work.mask_cache[key] = tile
    cached: Tile | None = work.mask_cache[key]
    return cached


def _trimmed_tile(work: Workload, queries: QueryBlock, columns: slice) -> Tile | None:
    """A tile without the fully masked columns at either end, and its masks; None if fully masked."""
    L, S = work.stack.problem.shape[-2:]
    rows, tiles = queries.block.rows, []
    for head in queries.heads:
        tile = True if head.mask is None else head.mask.tile(rows, columns, L, S)
        if isinstance(head.bias, np.ndarray) and tile is not False:
            minus_infinity = np.isneginf(tile_view(head.bias, rows, columns))
            if minus_infinity.any():
                tile = tile & ~minus_infinity
        tiles.append(tile)
    if all(tile is True for tile in tiles):
        return Tile(columns, [])
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    visible = [np.broadcast_to(tile, shape) for tile in tiles]
    seen_columns = np.flatnonzero(np.any([tile.any(axis=0) for tile in visible], axis=0))
    if not seen_columns.size:
        return None
    first, last = int(seen_columns[0]), int(seen_columns[-1]) + 1
    masks = [
        _tile_mask(head, tile[:, first:last], work.stack.query.dtype)
        for head, tile in zip(queries.heads, visible, strict=True)
        if not tile[:, first:last].all()
    ]
    return Tile(slice(columns.start + first, columns.start + last), masks)


def _tile_mask(head: HeadOptions, visible: Array, dtype: np.dtype[Any]) -> TileMask:
    """The mask of a tile from booleans (r, c)."""
    bits = -transposed_tile(visible).astype(f"i{dtype.itemsize}")
    return TileMask(head.at, bits, np.where(visible.any(axis=1), 0, -np.inf).astype(dtype))


def zero_hidden(queries: QueryBlock, tile: Tile, scores: Array) -> None:
    """Set the hidden entries of a tile to 0 in place, NaN and inf included, by a bitwise and."""
    if tile.masks:
        by_member = tile.by_member(scores, queries.members)
        for mask in tile.masks:
            by_member.view(mask.bits.dtype)[mask.at] &= mask.bits


def first_seen(queries: QueryBlock, tile: Tile, like: Array) -> Array | float:
    """0 for rows with a visible key in the tile, -inf for others: (groups, pieces, rows), or 0 for all."""
    if not tile.masks or tile.rows is not None:
        return 0.0
    shift = np.zeros_like(like)
    by_member = shift.reshape(len(shift), queries.members, -1)
    for mask in tile.masks:
        groups, _, members, _ = mask.at
        by_member[groups, members] = mask.shift
    return shift


def visible_maximum(queries: QueryBlock, tile: Tile, scores: Array, seen: Array | float) -> Array:
    """Each row's highest visible score, at least the lowest finite number, or -inf if the row sees none.

    Hidden scores become -inf in place.
    """
    by_member = tile.by_member(scores, queries.members)
    for mask in tile.masks:
        np.copyto(by_member[mask.at], -np.inf, where=mask.bits == 0)
    return np.asarray(np.maximum(scores.max(axis=-2), seen + np.finfo(scores.dtype).min))
