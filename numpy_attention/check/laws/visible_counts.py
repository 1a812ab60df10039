"""Visible keys per row and unmasked keys, counted from a mask's tiles, never from all pairs at once.

Each panel of rows, or of columns, starts at the diagonal, works outwards, and stops as soon as its result is
fixed: causal masks, windows and packed documents take a tile or two per panel. A nearly empty mask costs the
most: every tile.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks.mask import Mask, Tile

BLOCK = 512


class RowCounts(NamedTuple):
    """For each row, its number of visible keys, capped at 2, and the index of one of them (0 if none)."""

    keys: Array
    one: Array


def row_counts(mask: Mask | None, L: int, S: int) -> RowCounts:
    """Counts of every query, over the mask's own batch and head axes: (..., H or 1, L)."""
    if mask is None:
        return RowCounts(np.full((1, L), min(S, 2)), np.zeros((1, L), dtype=int))
    panels = [_row_panel(mask, rows, L, S) for rows in _blocks(L)]
    return RowCounts(_joined([panel.keys for panel in panels]), _joined([panel.one for panel in panels]))


def unmasked_keys(mask: Mask | None, L: int, S: int) -> Array:
    """True where a key is visible to any query, over the mask's own batch and head axes: (..., H or 1, S)."""
    if mask is None:
        return np.full((1, S), L > 0)
    return _joined([_column_panel(mask, columns, L, S) for columns in _blocks(S)]).astype(bool)


def _row_panel(mask: Mask, rows: slice, L: int, S: int) -> RowCounts:
    keys = one = np.zeros((1, rows.stop - rows.start), dtype=int)
    for columns in _outwards(_blocks(S), rows.start / L):
        tile = mask.tile(rows, columns, L, S, heads=True)
        if tile is False:
            continue
        pairs = _pairs(tile, rows, columns)
        here = pairs.sum(axis=-1, dtype=int)
        one = np.where((keys == 0) & (here > 0), columns.start + pairs.argmax(axis=-1), one)
        keys = np.minimum(keys + here, 2)
        if (keys == 2).all():
            break
    return RowCounts(keys, one)


def _column_panel(mask: Mask, columns: slice, L: int, S: int) -> Array:
    unmasked = np.zeros((1, columns.stop - columns.start), dtype=bool)
    for rows in _outwards(_blocks(L), columns.start / S):
        tile = mask.tile(rows, columns, L, S, heads=True)
        if tile is False:
            continue
        unmasked = unmasked | _pairs(tile, rows, columns).any(axis=-2)
        if unmasked.all():
            break
    return unmasked


def _pairs(tile: Tile, rows: slice, columns: slice) -> Array:
    """A tile as booleans, with at least one axis before the last two."""
    if isinstance(tile, bool):
        return np.broadcast_to(tile, (1, rows.stop - rows.start, columns.stop - columns.start))
    return tile if tile.ndim > 2 else tile[None]


def _blocks(length: int) -> list[slice]:
    return [slice(n, min(n + BLOCK, length)) for n in range(0, length, BLOCK)]


def _outwards(blocks: list[slice], place: float) -> Iterator[slice]:
    """The blocks by distance from a place between 0, the first block, and 1, the last."""
    centre = place * len(blocks)
    return iter(sorted(blocks, key=lambda block: abs(block.start / BLOCK - centre)))


def _joined(parts: list[Array]) -> Array:
    """Parts concatenated along the last axis, their other axes broadcast together."""
    if not parts:
        return np.zeros((1, 0), dtype=int)
    batch = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate([np.broadcast_to(part, (*batch, part.shape[-1])) for part in parts], axis=-1)
