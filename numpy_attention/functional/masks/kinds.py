"""The classes of masks that `builders.py` constructs."""

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, one_of, shown
from ..base.arrays import positions
from .mask import ALIGNMENTS, Mask, Tile, alignment_offset, batch_entry


def _without_heads(index: tuple[int, ...], heads: bool) -> tuple[int, ...]:
    return index[: len(index) - heads]


class Visible(Mask):
    """An array of booleans, one for each pair."""

    def __init__(self, array: Array) -> None:
        self.pairs = array

    def __repr__(self) -> str:
        return f"na.visible(<bool {self.pairs.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return Visible(batch_entry(self.pairs, index, 2))

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        return self.pairs.shape[:-2]

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        pairs = self.pairs[(None,) * max(0, 2 - self.pairs.ndim)]
        for axis, indices in ((-2, i), (-1, j)):
            length = lengths[axis]
            if pairs.shape[axis] not in (1, length):
                raise ValueError(f"{self!r} does not broadcast to {lengths[0]} queries and {lengths[1]} keys")
            if pairs.shape[axis] == length:
                pairs = np.take(pairs, indices, axis=axis)
        return pairs


class Band(Mask):
    """Keys from `left` before to `right` after a query's own position; None is no limit."""

    def __init__(
        self, name: str, left: int | None, right: int | None, align: str | None, offset: npt.ArrayLike | None
    ) -> None:
        if align is not None and offset is not None:
            raise ValueError(
                f"align is {shown(align)} and offset is {shown(offset)}; one of them is expected"
            )
        self.name, self.left, self.right = name, left, right
        self.align = None if align is None else one_of("align", align, ALIGNMENTS)
        self.offset = None if offset is None else positions("offset", offset)
        widest = max(left or 0, right or 0)
        if widest > 2**61 and self.offset is not None and (np.abs(self.offset) > 2**61).any():
            raise ValueError(f"offset and width, {widest}, both exceed 2**61; write None for no limit")

    def __repr__(self) -> str:
        limits = "" if self.name == "causal" else f"{self.left}, {self.right}"
        if self.offset is not None:
            offset = self.offset.shape or int(self.offset)
            return f"na.{self.name}({limits}{', ' * bool(limits)}offset={offset})"
        align = "" if self.align is None else f"{', ' * bool(limits)}{self.align!r}"
        return f"na.{self.name}({limits}{align})"

    def check_lengths(self, L: int, S: int, heads: bool) -> None:
        self._shift(L, S, heads)

    def _shift(self, L: int, S: int, heads: bool) -> Array:
        if self.offset is not None:
            return self.offset[(..., *(None,) * (2 + heads))]
        return np.asarray(alignment_offset(self, self.align, L, S))

    def column_range(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        shift = self._shift(L, S, False)
        if not shift.size:
            return 0, S
        low, high = rows.start + int(shift.min()), rows.stop - 1 + int(shift.max())
        start = 0 if self.left is None else low - self.left
        stop = S if self.right is None else high + self.right + 1
        return min(max(start, 0), S), min(max(stop, 0), S)

    def diagonal(self, L: int, S: int) -> int | None:
        shift = self._shift(L, S, False)
        if self.left is not None or self.right is None or shift.size != 1:
            return None
        return int(shift.item()) + self.right

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        if self.offset is None:
            return self
        offset = batch_entry(self.offset, _without_heads(index, heads), 0)
        return Band(self.name, self.left, self.right, None, offset)

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        return () if self.offset is None else (*self.offset.shape, *(1,) * heads)

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        shift = self._shift(*lengths, heads)
        if not i.size or not j.size or not shift.size:
            return np.ones((*shift.shape[:-2], i.size, j.size), dtype=bool)
        nearest, farthest = j.min() - i.max() - shift.max(), j.max() - i.min() - shift.min()
        right_open = self.right is None or farthest <= self.right
        left_open = self.left is None or nearest >= -self.left
        if right_open and left_open:
            return True
        if self.right is not None and nearest > self.right:
            return False
        if self.left is not None and farthest < -self.left:
            return False
        position = i[:, None] + shift
        visible = np.asarray(True)
        if self.right is not None and not right_open:
            visible = j - self.right <= position
        if self.left is not None and not left_open:
            visible = visible & (j + self.left >= position)
        return np.asarray(visible)


class FirstKeys(Mask):
    """The first keys of each batch entry, `lengths` of them, for every query."""

    def __init__(self, name: str, lengths: Array) -> None:
        self.name, self.lengths = name, lengths

    def __repr__(self) -> str:
        lengths = int(self.lengths) if not self.lengths.ndim else f"<lengths {self.lengths.shape}>"
        return f"na.{self.name}({lengths})"

    def column_range(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        return 0, min(S, int(self.lengths.max(initial=0)))

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return FirstKeys(self.name, batch_entry(self.lengths, _without_heads(index, heads), 0))

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        return (*self.lengths.shape, *(1,) * heads)

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        if self.name == "padding" and self.lengths.size and self.lengths.max() > lengths[1]:
            raise ValueError(f"{self!r} holds {self.lengths.max()}, but there are only {lengths[1]} keys")
        return np.asarray(j < self.lengths[(..., *(None,) * (2 + heads))])


class RealKeys(Mask):
    """The keys marked as real, for every query."""

    def __init__(self, real: Array) -> None:
        self.real = real

    def __repr__(self) -> str:
        return f"na.real_keys(<bool {self.real.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return RealKeys(batch_entry(self.real, _without_heads(index, heads), 1))

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        return (*self.real.shape[:-1], *(1,) * heads)

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        if self.real.shape[-1] != lengths[1]:
            raise ValueError(f"{self!r} is for {self.real.shape[-1]} keys; there are {lengths[1]}")
        return self.real[(..., *(None,) * (1 + heads), slice(None))][..., j]


class Segments(Mask):
    """The pairs whose query and key have the same document id."""

    def __init__(self, query_ids: Array, key_ids: Array) -> None:
        self.query_ids, self.key_ids = query_ids, key_ids

    def __repr__(self) -> str:
        return f"na.segments(<ids {self.query_ids.shape}>, <ids {self.key_ids.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        index = _without_heads(index, heads)
        return Segments(batch_entry(self.query_ids, index, 1), batch_entry(self.key_ids, index, 1))

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        ids = np.broadcast_shapes(self.query_ids.shape[:-1], self.key_ids.shape[:-1])
        return (*ids, *(1,) * heads)

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        L, S = self.query_ids.shape[-1], self.key_ids.shape[-1]
        if lengths != (L, S):
            raise ValueError(
                f"{self!r} is for {L} queries and {S} keys; there are {lengths[0]} and {lengths[1]}"
            )
        queries = self.query_ids[..., i][(..., *(None,) * heads, slice(None), None)]
        keys = self.key_ids[..., j][(..., *(None,) * (1 + heads), slice(None))]
        return np.asarray(queries == keys)
