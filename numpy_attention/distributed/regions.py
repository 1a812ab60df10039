"""Masks, biases and dropout of a region of the scores: what a tile of chunks needs of them, and no more."""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.biases import Alibi, Bias, Relative
from ..functional.attention.dropout import Dropout
from ..functional.base.admission import Array
from ..functional.masks.kinds import Band, FirstKeys, RealKeys, Segments, Visible
from ..functional.masks.mask import Combined, Mask, alignment_offset


class Region(NamedTuple):
    """A part of the scores (..., H, L, S): a slice of each axis, and the shape of the whole."""

    slices: tuple[slice, ...]
    whole: tuple[int, ...]

    @property
    def lengths(self) -> tuple[int, int]:
        """L and S of the whole."""
        return self.whole[-2], self.whole[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the region."""
        return tuple(each.stop - each.start for each in self.slices)

    @property
    def shift(self) -> int:
        """What is added to a distance key - query of the region for that of the whole."""
        rows, columns = self.slices[-2:]
        return int(columns.start - rows.start)

    def cut(self, array: Array, axes: tuple[slice, ...]) -> Array:
        """The region of an array whose last axes broadcast to `axes`."""
        own = zip(array.shape, axes[len(axes) - array.ndim :], strict=True)
        return np.asarray(array[tuple(part if n != 1 else slice(None) for n, part in own)])

    def batch(self) -> tuple[slice, ...]:
        """The slices of the batch axes, without that of the heads."""
        return self.slices[:-3]


# -------------------------------------------------------------------------------------------- masks


@singledispatch
def mask_in(mask: Mask, region: Region) -> Mask:
    """The mask of a region, over its own queries and keys."""
    rows, columns = region.slices[-2:]
    visible = mask.tile(rows, columns, *region.lengths, heads=len(region.whole) > 2)
    return Visible(region.cut(np.atleast_2d(visible), (*region.slices[:-2], slice(None), slice(None))))


@mask_in.register
def _(mask: Visible, region: Region) -> Mask:
    return Visible(region.cut(mask.pairs, region.slices))


@mask_in.register
def _(mask: Band, region: Region) -> Mask:
    offset = mask.offset
    if offset is None:
        offset = np.asarray(alignment_offset(mask, mask.align, *region.lengths))
    return Band(mask.name, mask.left, mask.right, None, region.cut(offset, region.batch()) - region.shift)


@mask_in.register
def _(mask: FirstKeys, region: Region) -> Mask:
    columns = region.slices[-1]
    lengths = region.cut(mask.lengths, region.batch())
    return FirstKeys(mask.name, np.clip(lengths - columns.start, 0, columns.stop - columns.start))


@mask_in.register
def _(mask: RealKeys, region: Region) -> Mask:
    return RealKeys(region.cut(mask.real, (*region.batch(), region.slices[-1])))


@mask_in.register
def _(mask: Segments, region: Region) -> Mask:
    queries = region.cut(mask.query_ids, (*region.batch(), region.slices[-2]))
    return Segments(queries, region.cut(mask.key_ids, (*region.batch(), region.slices[-1])))


@mask_in.register
def _(mask: Combined, region: Region) -> Mask:
    return Combined(*(step if isinstance(step, str) else mask_in(step, region) for step in mask.steps))


# -------------------------------------------------------------------------------------------- biases


class BiasIn(NamedTuple):
    """A bias of a region, of which the parameter's own region is still missing."""

    kind: type
    options: tuple[Any, ...]

    def of(self, parameter: Array) -> Bias:
        """The bias with its parameter."""
        bias: Bias = self.kind(parameter, *self.options)
        return bias


def bias_in(bias: Bias, region: Region) -> BiasIn:
    """The bias of a region; TypeError for a bias of another kind than na.alibi and na.relative."""
    rows, columns = region.slices[-2:]
    if isinstance(bias, Alibi):
        offset = bias.offset
        if offset is None:
            offset = alignment_offset(bias, bias.align, *region.lengths)
        return BiasIn(Alibi, (None, offset - region.shift))
    if isinstance(bias, Relative):
        return BiasIn(Relative, (bias.buckets[rows, columns],))
    raise TypeError(f"bias is {type(bias).__name__}; an array, na.alibi or na.relative is expected")


# ------------------------------------------------------------------------------------------- dropout


class DropoutIn(Dropout):
    """The multipliers of a region: those that the whole has there."""

    def __init__(self, dropout: Dropout, region: Region) -> None:
        super().__init__(dropout.seed, dropout.rate)
        self.region = region

    def tile_of_entries(self, entries: Array, rows: slice, columns: slice, length: int, width: int) -> Array:
        """Likewise, in the numbers of the whole."""
        *batch, own_rows, own_columns = self.region.slices
        *heads, L, S = self.region.whole
        if batch:
            index = np.unravel_index(entries.astype(np.int64), self.region.shape[:-2])
            moved = [i + own.start for i, own in zip(index, batch, strict=True)]
            entries = np.asarray(np.ravel_multi_index(moved, heads)).astype(np.uint64)
        rows = slice(own_rows.start + rows.start, own_rows.start + rows.stop)
        columns = slice(own_columns.start + columns.start, own_columns.start + columns.stop)
        return super().tile_of_entries(entries, rows, columns, L, S)
