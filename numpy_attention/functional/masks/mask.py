"""What a mask is: a value that gives any tile of itself, and combines with & | ~.

    mask.array(L, S)                    (..., L, S), True = may attend
    mask.tile(rows, columns, L, S)      True, False, or that part of the array

A mask knows positions, not the heads: `heads=True` puts a head axis behind the batch axes that lengths,
identities and offsets carry.
"""

from typing import Any

import numpy as np

from ..base.admission import Array

Tile = bool | Array
"""Every pair of the tile is visible, none is, or which ones are: (..., rows, columns)."""

ALIGNMENTS = ("top_left", "bottom_right")

POLARITY_HINT = (
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
        raise TypeError(f"{type(self).__name__} is no mask by itself; use na.visible, na.causal, …")

    def __and__(self, other: object) -> "Mask":
        return Combined("&", self, _require_mask(other))

    def __or__(self, other: object) -> "Mask":
        return Combined("|", self, _require_mask(other))

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


def alignment_offset(what: str, align: str | None, L: int, S: int) -> int:
    """By how much a query's position exceeds its index, if the corner is where `align` says."""
    if L != S and align is None:
        raise ValueError(
            f"{what} over {L} queries and {S} keys: say where the corner is, "
            'align="top_left", align="bottom_right", or offset='
        )
    return S - L if align == "bottom_right" else 0


def entry_index(index: tuple[int, ...], array: Array, trailing: int) -> tuple[int, ...]:
    """Where `array` has what is said of place `index` among the axes to which all but its last broadcast."""
    axes = array.shape[: max(0, array.ndim - trailing)]
    return tuple(i if n != 1 else 0 for i, n in zip(index[len(index) - len(axes) :], axes, strict=True))


def batch_entry(array: Array, index: tuple[int, ...], trailing: int) -> Array:
    """What stands there: the `trailing` last axes."""
    return np.asarray(array[entry_index(index, array, trailing)])


def _positions(name: str, part: slice, length: int) -> Array:
    if not isinstance(part, slice):
        raise TypeError(f"{name} is {part!r}; a slice is expected")
    return np.arange(*part.indices(length))


def _require_mask(other: object) -> Mask:
    if isinstance(other, Mask):
        return other
    raise TypeError(f"{type(other).__name__} beside a mask {POLARITY_HINT}")


def visible_pairs(mask: Mask | None, scores_shape: tuple[int, ...]) -> Array | None:
    """What `mask` lets see of scores (..., H, L, S) or (L, S): booleans of that shape, or None for all.

    Raises TypeError for anything but a mask, ValueError for one that does not broadcast.
    """
    if mask is None:
        return None
    admit_mask(mask, scores_shape)
    return np.broadcast_to(mask.array(*scores_shape[-2:], heads=len(scores_shape) > 2), scores_shape)


def admit_mask(mask: object, scores_shape: tuple[int, ...]) -> None:
    """Refuse what is no mask, or does not fit scores of that shape: an empty tile of it tells."""
    if not isinstance(mask, Mask):
        raise TypeError(f"mask is {type(mask).__name__}, which {POLARITY_HINT}")
    L, S = scores_shape[-2:]
    heads = len(scores_shape) > 2
    try:
        mask.tile(slice(0), slice(0), L, S, heads=heads)
        shape = (*mask._batch(heads), L, S)
    except ValueError as error:
        raise ValueError(f"mask: {error}") from None
    told = f"mask {mask!r} has shape {shape}, which does not broadcast to the shape of the scores,"
    try:
        fits = np.broadcast_shapes(shape, scores_shape) == scores_shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{told} {scores_shape}")
