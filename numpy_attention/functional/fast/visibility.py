"""What is hidden of the tiles of `fast_attention`: which of them anybody sees, and 0 for what is hidden."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..tiled.tiling import part, slices
from .kernels import Rows, Work, upright
from .stack import Entry


class Seen(NamedTuple):
    """What is seen of a tile by an entry that does not see all of it.

    bits (1, columns, 1, rows) are whole numbers, all bits 1 where it is seen, and 0 where it is hidden; base
    (rows,) is 0 for rows that see any of it, and -inf for the others.
    """

    entry: Entry
    bits: Array
    base: Array


Hidden = list[Seen]
"""Entries that see all of a tile are left out."""

MEMO, MEMO_SCORES = 32, 2**18
"""How many tiles of a mask are kept for other heads, and scores of the largest: a megabyte in float32."""


def tiles_of(work: Work, rows: Rows) -> Iterator[tuple[slice, Hidden]]:
    """Tile after tile of those that anybody sees: its columns, and what is hidden of them."""
    L, S = work.slabs.problem.shape[-2:]
    spans = [(0, S) if e.mask is None else e.mask.span(rows.block.rows, L, S) for e in rows.entries]
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    for columns in slices(S, work.columns, first, last):
        tile = _seen_of(work, rows, columns)
        if tile is not None:
            yield tile


def _seen_of(work: Work, rows: Rows, columns: slice) -> tuple[slice, Hidden] | None:
    """The columns of a tile, but for those at its ends that nobody sees, and what is hidden."""
    problem, these = work.slabs.problem, rows.block.rows
    if problem.mask is None and not isinstance(problem.bias, np.ndarray):
        return columns, []
    if not work.alike or (these.stop - these.start) * work.columns > MEMO_SCORES:
        return _tile_of(work, rows, columns)
    key = (these.start, columns.start)
    if key not in work.memo:
        tile = _tile_of(work, rows, columns)
        if len(work.memo) >= MEMO:
            return tile
        work.memo[key] = tile
    found: tuple[slice, Hidden] | None = work.memo[key]
    return found


def _tile_of(work: Work, rows: Rows, columns: slice) -> tuple[slice, Hidden] | None:
    L, S = work.slabs.problem.shape[-2:]
    these, tiles = rows.block.rows, []
    for entry in rows.entries:
        tile = True if entry.mask is None else entry.mask.tile(these, columns, L, S)
        if isinstance(entry.bias, np.ndarray) and tile is not False:
            minus_infinity = np.isneginf(part(entry.bias, these, columns))
            if minus_infinity.any():
                tile = tile & ~minus_infinity
        tiles.append(tile)
    if all(tile is True for tile in tiles):
        return columns, []
    shape = (these.stop - these.start, columns.stop - columns.start)
    whole = [np.broadcast_to(tile, shape) for tile in tiles]
    some = np.flatnonzero(np.any([tile.any(axis=0) for tile in whole], axis=0))
    if not some.size:
        return None
    first, last = int(some[0]), int(some[-1]) + 1
    hidden = [
        _seen(entry, tile[:, first:last], work.slabs.query.dtype)
        for entry, tile in zip(rows.entries, whole, strict=True)
        if not tile[:, first:last].all()
    ]
    return slice(columns.start + first, columns.start + last), hidden


def _seen(entry: Entry, tile: Array, dtype: np.dtype[Any]) -> Seen:
    """What is seen of a tile, from booleans (r, c)."""
    bits = -upright(tile).astype(f"i{dtype.itemsize}")
    return Seen(entry, bits, np.where(tile.any(axis=1), 0, -np.inf).astype(dtype))


def hide(rows: Rows, hidden: Hidden, tile: Array) -> None:
    """0 wherever a tile is hidden, in place, whatever is there: by its bits."""
    by_member = rows.by_member(tile)
    for seen in hidden:
        by_member.view(seen.bits.dtype)[seen.entry.at] &= seen.bits


def least_base(rows: Rows, hidden: Hidden, like: Array) -> Array | float:
    """What rows (slabs, members * rows) are shifted by at least after a tile: 0, if they see any of it."""
    if not hidden:
        return 0.0
    base = np.zeros_like(like)
    by_member = base.reshape(len(base), rows.block.members.stop - rows.block.members.start, -1)
    for seen in hidden:
        slabs, _, members, _ = seen.entry.at
        by_member[slabs, members] = seen.base
    return base


def highest(rows: Rows, hidden: Hidden, scores: Array) -> Array:
    """Each row's highest score of those that are seen; the others are -inf afterwards."""
    by_member = rows.by_member(scores)
    for seen in hidden:
        np.copyto(by_member[seen.entry.at], -np.inf, where=seen.bits == 0)
    return np.asarray(np.maximum.reduce(scores, axis=1))
