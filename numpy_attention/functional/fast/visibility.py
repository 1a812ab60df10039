"""Masked tiles of `fast_attention`: fully masked ones are skipped or trimmed, masked entries set to 0."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..tiled.tiling import slices, tile_view
from .kernels import QueryBlock, Workload, transposed_tile
from .stack import HeadOptions


class TileMask(NamedTuple):
    """One head's mask of a tile that it does not see completely.

    bits (1, columns, 1, rows) are integers: all bits 1 where visible, 0 where hidden. shift (rows,) is 0 for
    rows with a visible key in the tile, -inf for the others.
    """

    head: HeadOptions
    bits: Array
    shift: Array


TileMasks = list[TileMask]
"""One entry for each head that sees only part of the tile."""

CACHED_MASKS, CACHED_SCORES = 32, 2**18
"""Most tile masks cached, and most scores of each: 1 MB in float32."""


def visible_tiles(work: Workload, queries: QueryBlock) -> Iterator[tuple[slice, TileMasks]]:
    """Columns and masks of each tile that is not fully masked, left to right."""
    L, S = work.stack.problem.shape[-2:]
    rows = queries.block.rows
    spans = [(0, S) if head.mask is None else head.mask.column_range(rows, L, S) for head in queries.heads]
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    for columns in slices(S, work.columns, first, last):
        tile = _cached_tile(work, queries, columns)
        if tile is not None:
            yield tile


def _cached_tile(work: Workload, queries: QueryBlock, columns: slice) -> tuple[slice, TileMasks] | None:
    """`_trimmed_tile`, from the cache where all heads share one mask."""
    problem, rows = work.stack.problem, queries.block.rows
    if problem.mask is None and not isinstance(problem.bias, np.ndarray):
        return columns, []
    if not work.uniform or (rows.stop - rows.start) * work.columns > CACHED_SCORES:
        return _trimmed_tile(work, queries, columns)
    key = (rows.start, columns.start)
    if key not in work.mask_cache:
        tile = _trimmed_tile(work, queries, columns)
        if len(work.mask_cache) >= CACHED_MASKS:
            return tile
        work.mask_cache[key] = tile
    cached: tuple[slice, TileMasks] | None = work.mask_cache[key]
    return cached


def _trimmed_tile(work: Workload, queries: QueryBlock, columns: slice) -> tuple[slice, TileMasks] | None:
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
        return columns, []
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
    return slice(columns.start + first, columns.start + last), masks


def _tile_mask(head: HeadOptions, visible: Array, dtype: np.dtype[Any]) -> TileMask:
    """The mask of a tile from booleans (r, c)."""
    bits = -transposed_tile(visible).astype(f"i{dtype.itemsize}")
    return TileMask(head, bits, np.where(visible.any(axis=1), 0, -np.inf).astype(dtype))


def zero_hidden(queries: QueryBlock, masks: TileMasks, tile: Array) -> None:
    """Set the hidden entries of a tile to 0 in place, NaN and inf included, by a bitwise and."""
    by_member = queries.by_member(tile)
    for mask in masks:
        by_member.view(mask.bits.dtype)[mask.head.at] &= mask.bits


def minimum_shift(queries: QueryBlock, masks: TileMasks, like: Array) -> Array | float:
    """Lower bound on each row's shift (groups, members * rows): 0 with a visible key in the tile, or -inf."""
    if not masks:
        return 0.0
    shift = np.zeros_like(like)
    by_member = shift.reshape(len(shift), queries.block.members.stop - queries.block.members.start, -1)
    for mask in masks:
        groups, _, members, _ = mask.head.at
        by_member[groups, members] = mask.shift
    return shift


def visible_maximum(queries: QueryBlock, masks: TileMasks, scores: Array) -> Array:
    """Each row's highest visible score; hidden scores become -inf in place."""
    by_member = queries.by_member(scores)
    for mask in masks:
        np.copyto(by_member[mask.head.at], -np.inf, where=mask.bits == 0)
    return np.asarray(np.maximum.reduce(scores, axis=1))
