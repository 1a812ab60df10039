"""What a mask is: a value that gives any tile of itself, and combines with & | ~.

    mask.array(L, S)                    (..., L, S), True = may attend
    mask.tile(rows, columns, L, S)      True, False, or that part of the array

A mask knows positions, not the heads: `heads=True` puts a head axis behind the batch axes that lengths,
identities and offsets carry.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Array, one_of, place

Tile = bool | Array
"""Every pair of the tile is visible, none is, or which ones are: (..., rows, columns)."""

ALIGNMENTS = ("top_left", "bottom_right")

ASK = (
    "does not say which way it is: write mask=na.visible(array) if True means may attend, "
    "or mask=na.hidden(array) if True means may not"
)


class Mask:
    """Which keys each query may attend to."""

    __array_ufunc__ = None  # so that array & mask comes here, and not to NumPy's object arrays

    def array(self, L: int, S: int, *, heads: bool = False) -> Array:
        """The whole mask, True = may attend: (..., L, S), or with `heads` (..., H or 1, L, S)."""
        shape = (*self._batch(heads), L, S)
        return np.array(np.broadcast_to(self._seen(np.arange(L), np.arange(S), (L, S), heads), shape))

    def tile(self, rows: slice, columns: slice, L: int, S: int, *, heads: bool = False) -> Tile:
        """The pairs in [rows, columns]: True (all visible), False (none), or an array (..., r, c)."""
        i, j = _positions("rows", rows, L), _positions("columns", columns, S)
        shape = (*self._batch(heads), i.size, j.size)
        seen = self._seen(i, j, (L, S), heads)
        if isinstance(seen, bool):
            return seen
        if not i.size or not j.size or seen.all():
            return True
        if not seen.any():
            return False
        return np.broadcast_to(seen, shape)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        """The pairs of query positions i and key positions j, broadcastable to (..., i, j)."""
        raise TypeError(f"{type(self).__name__} is no mask by itself; use na.visible, na.causal, …")

    def _batch(self, heads: bool) -> tuple[int, ...]:
        """The axes before the last two of `array`, whatever it shows."""
        return ()

    def span(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        """The columns, first and last, outside of which none of `rows` sees a key in any batch entry."""
        return 0, S

    def entry(self, index: tuple[int, ...], heads: bool) -> "Mask":
        """The mask of one batch entry, and of one head of it where there are `heads`: tiles (r, c)."""
        return self

    def __and__(self, other: object) -> "Mask":
        return Combined("&", self, _a_mask(other))

    def __or__(self, other: object) -> "Mask":
        return Combined("|", self, _a_mask(other))

    __rand__ = __and__  # only ever reached by what is no mask, and refused there
    __ror__ = __or__

    def __invert__(self) -> "Mask":
        return Inverted(self)

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is neither true nor false; combine masks with & | ~")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError(f"{self!r} is no array; {self!r}.array(L, S) gives one")


class Combined(Mask):
    """Two masks at once: & sees what both see, | what either sees."""

    def __init__(self, sign: str, left: Mask, right: Mask) -> None:
        self.sign, self.left, self.right = sign, left, right

    def __repr__(self) -> str:
        return f"({self.left!r} {self.sign} {self.right!r})"

    def span(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        (first, last), (other_first, other_last) = self.left.span(rows, L, S), self.right.span(rows, L, S)
        if self.sign == "&":
            return max(first, other_first), min(last, other_last)
        return min(first, other_first), max(last, other_last)

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return Combined(self.sign, self.left.entry(index, heads), self.right.entry(index, heads))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        left, right = self.left._batch(heads), self.right._batch(heads)
        try:
            return np.broadcast_shapes(left, right)
        except ValueError:
            raise ValueError(f"the batch axes of {self!r} do not broadcast: {left} and {right}") from None

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        left = self.left._seen(i, j, lengths, heads)
        right = self.right._seen(i, j, lengths, heads)
        if isinstance(right, bool):
            left, right = right, left
        if isinstance(left, bool):
            decided = left is (self.sign == "|")  # True | x is True, False & x is False
            return left if decided else right
        assert isinstance(right, np.ndarray)
        return np.asarray(left & right if self.sign == "&" else left | right)


class Inverted(Mask):
    """What another mask hides."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask

    def __repr__(self) -> str:
        return f"~{self.mask!r}"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return Inverted(self.mask.entry(index, heads))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        return self.mask._batch(heads)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        seen = self.mask._seen(i, j, lengths, heads)
        return not seen if isinstance(seen, bool) else ~seen


class Visible(Mask):
    """An array of booleans, pair by pair, taken as it stands."""

    def __init__(self, array: Array) -> None:
        self.pairs = array

    def __repr__(self) -> str:
        return f"na.visible(<bool {self.pairs.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return Visible(entry_of(self.pairs, index, 2))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        return self.pairs.shape[:-2]

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        pairs = self.pairs[(None,) * max(0, 2 - self.pairs.ndim)]
        for axis, positions in ((-2, i), (-1, j)):
            length = lengths[axis]
            if pairs.shape[axis] not in (1, length):
                raise ValueError(f"{self!r} does not broadcast to {lengths[0]} queries and {lengths[1]} keys")
            if pairs.shape[axis] == length:
                pairs = np.take(pairs, positions, axis=axis)
        return pairs


def corner(what: str, align: str | None, L: int, S: int) -> int:
    """By how much a query's position exceeds its index, if the corner is where `align` says."""
    if L != S and align is None:
        raise ValueError(
            f"{what} over {L} queries and {S} keys: say where the corner is, "
            'align="top_left", align="bottom_right", or offset='
        )
    return S - L if align == "bottom_right" else 0


class Band(Mask):
    """Keys from `left` before to `right` behind a query's own position; None is no limit."""

    def __init__(
        self,
        name: str,
        left: int | None,
        right: int | None,
        align: str | None,
        offset: npt.ArrayLike | None,
    ) -> None:
        if align is not None and offset is not None:
            raise ValueError(f"na.{name} was given align and offset; they say the same, give one")
        self.name, self.left, self.right = name, left, right
        self.align = None if align is None else one_of("align", align, ALIGNMENTS)
        self.offset = None if offset is None else place("offset", offset)

    def __repr__(self) -> str:
        limits = "" if self.name == "causal" else f"{self.left}, {self.right}"
        if self.offset is not None:
            told = self.offset.shape or int(self.offset)
            return f"na.{self.name}({limits}{', ' * bool(limits)}offset={told})"
        align = "" if self.align is None else f"{', ' * bool(limits)}{self.align!r}"
        return f"na.{self.name}({limits}{align})"

    def _shift(self, L: int, S: int, heads: bool) -> Array:
        if self.offset is not None:
            return self.offset[(..., *(None,) * (2 + heads))]
        return np.asarray(corner(repr(self), self.align, L, S))

    def span(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        shift = self._shift(L, S, False)
        if not shift.size:
            return 0, S
        low, high = rows.start + int(shift.min()), rows.stop - 1 + int(shift.max())
        first = 0 if self.left is None else low - self.left
        last = S if self.right is None else high + self.right + 1
        return min(max(first, 0), S), min(max(last, 0), S)

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        if self.offset is None:
            return self
        offset = entry_of(self.offset, _batch_of(index, heads), 0)
        return Band(self.name, self.left, self.right, None, offset)

    def _batch(self, heads: bool) -> tuple[int, ...]:
        return () if self.offset is None else (*self.offset.shape, *(1,) * heads)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
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
        own = i[:, None] + shift
        seen = np.asarray(True)
        if self.right is not None and not right_open:
            seen = j - self.right <= own
        if self.left is not None and not left_open:
            seen = seen & (j + self.left >= own)
        return np.asarray(seen)


class FirstKeys(Mask):
    """The first so many keys of each batch entry, for every query."""

    def __init__(self, name: str, lengths: Array) -> None:
        self.name, self.lengths = name, lengths

    def __repr__(self) -> str:
        told = int(self.lengths) if not self.lengths.ndim else f"<lengths {self.lengths.shape}>"
        return f"na.{self.name}({told})"

    def span(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        return 0, min(S, int(self.lengths.max(initial=0)))

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return FirstKeys(self.name, entry_of(self.lengths, _batch_of(index, heads), 0))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        return (*self.lengths.shape, *(1,) * heads)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        if self.name == "padding" and self.lengths.size and self.lengths.max() > lengths[1]:
            raise ValueError(f"{self!r} holds {self.lengths.max()}, but there are only {lengths[1]} keys")
        return np.asarray(j < self.lengths[(..., *(None,) * (2 + heads))])


class RealKeys(Mask):
    """Which keys are real, for every query."""

    def __init__(self, real: Array) -> None:
        self.real = real

    def __repr__(self) -> str:
        return f"na.real_keys(<bool {self.real.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return RealKeys(entry_of(self.real, _batch_of(index, heads), 1))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        return (*self.real.shape[:-1], *(1,) * heads)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        if self.real.shape[-1] != lengths[1]:
            raise ValueError(f"{self!r} is for {self.real.shape[-1]} keys, not {lengths[1]}")
        return self.real[(..., *(None,) * (1 + heads), slice(None))][..., j]


class Segments(Mask):
    """Pairs whose query and key belong to the same document."""

    def __init__(self, query_ids: Array, key_ids: Array) -> None:
        self.query_ids, self.key_ids = query_ids, key_ids

    def __repr__(self) -> str:
        return f"na.segments(<ids {self.query_ids.shape}>, <ids {self.key_ids.shape}>)"

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        index = _batch_of(index, heads)
        return Segments(entry_of(self.query_ids, index, 1), entry_of(self.key_ids, index, 1))

    def _batch(self, heads: bool) -> tuple[int, ...]:
        ids = np.broadcast_shapes(self.query_ids.shape[:-1], self.key_ids.shape[:-1])
        return (*ids, *(1,) * heads)

    def _seen(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        given = (self.query_ids.shape[-1], self.key_ids.shape[-1])
        if given != lengths:
            raise ValueError(
                f"{self!r} is for {given[0]} queries and {given[1]} keys, not {lengths[0]} and {lengths[1]}"
            )
        queries = self.query_ids[..., i][(..., *(None,) * heads, slice(None), None)]
        keys = self.key_ids[..., j][(..., *(None,) * (1 + heads), slice(None))]
        return np.asarray(queries == keys)


def place_of(index: tuple[int, ...], array: Array, trailing: int) -> tuple[int, ...]:
    """Where `array` has what is said of place `index` among the axes to which all but its last broadcast."""
    axes = array.shape[: max(0, array.ndim - trailing)]
    return tuple(i if n != 1 else 0 for i, n in zip(index[len(index) - len(axes) :], axes, strict=True))


def entry_of(array: Array, index: tuple[int, ...], trailing: int) -> Array:
    """What stands there: the `trailing` last axes."""
    return np.asarray(array[place_of(index, array, trailing)])


def _batch_of(index: tuple[int, ...], heads: bool) -> tuple[int, ...]:
    return index[: len(index) - heads]


def _positions(name: str, part: slice, length: int) -> Array:
    if not isinstance(part, slice):
        raise TypeError(f"{name} is {part!r}; a slice is expected")
    return np.arange(*part.indices(length))


def _a_mask(other: object) -> Mask:
    if isinstance(other, Mask):
        return other
    raise TypeError(f"{type(other).__name__} beside a mask {ASK}")
