"""Masks as values: any tile on demand, combined with & | ~.

    mask.array(L, S)                    (..., L, S), True = may attend
    mask.tile(rows, columns, L, S)      True, False, or that part of the array

Lengths, document ids and offsets carry batch axes; `heads=True` inserts a head axis of length 1 after them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.admission import Array, shown
from ..base.arrays import whole_number

Tile = bool | Array
"""True if all pairs of the tile are visible, False if none is, or booleans (..., rows, columns)."""

ALIGNMENTS = ("top_left", "bottom_right")

POLARITY_HINT = (
    "does not say what True means: write mask=na.visible(array) if True means may attend, "
    "or mask=na.hidden(array) if True means may not"
)


class Mask:
    """Base class of masks: which keys each query may attend to."""

    __array_ufunc__ = None  # array & mask then calls __rand__ instead of making an object array

    def array(self, L: int, S: int, *, heads: bool = False) -> Array:
        """The whole mask, True = may attend: (..., L, S), or with `heads` (..., H or 1, L, S)."""
        L, S = whole_number("L", L, 0), whole_number("S", S, 0)
        shape = (*self.batch_shape(heads), L, S)
        return np.array(np.broadcast_to(self._visible(np.arange(L), np.arange(S), (L, S), heads), shape))

    def tile(self, rows: slice, columns: slice, L: int, S: int, *, heads: bool = False) -> Tile:
        """The pairs [rows, columns]: True (all visible), False (none), or an array (..., r, c)."""
        L, S = whole_number("L", L, 0), whole_number("S", S, 0)
        i, j = _positions("rows", rows, L), _positions("columns", columns, S)
        shape = (*self.batch_shape(heads), i.size, j.size)
        visible = self._visible(i, j, (L, S), heads)
        if isinstance(visible, bool):
            return visible
        if not i.size or not j.size or visible.all():
            return True
        if not visible.any():
            return False
        return np.broadcast_to(visible, shape)

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        """True where query positions i may attend to key positions j; broadcasts to (..., i, j)."""
        raise TypeError(f"{type(self).__name__} is no mask by itself; use na.visible, na.causal, …")

    def check_lengths(self, L: int, S: int, heads: bool) -> None:
        """Raise ValueError if there is no such mask over L queries and S keys."""
        self.tile(slice(0), slice(0), L, S, heads=heads)

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        """The shape of `array` without its last two axes."""
        return ()

    def column_range(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        """Range (start, stop) of columns, outside of which `rows` are masked in every batch entry."""
        return 0, S

    def diagonal(self, L: int, S: int) -> int | None:
        """d if query i sees exactly the keys up to i + d, in every batch entry; None for any other mask."""
        return None

    def entry(self, index: tuple[int, ...], heads: bool) -> "Mask":
        """The mask of one batch entry (and one head, if `heads`), whose tiles are (r, c)."""
        raise TypeError(f"{type(self).__name__} is no mask by itself; use na.visible, na.causal, …")

    def __and__(self, other: object) -> "Mask":
        return Combined(*_steps(self), *_steps(_require_mask(other)), "&")

    def __or__(self, other: object) -> "Mask":
        return Combined(*_steps(self), *_steps(_require_mask(other)), "|")

    __rand__ = __and__  # reached only for other types, which raise
    __ror__ = __or__

    def __invert__(self) -> "Mask":
        steps = _steps(self)
        return Combined(*steps[:-1]) if steps[-1] == "~" else Combined(*steps, "~")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is neither true nor false; combine masks with & | ~")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError(f"{self!r} is no array; {self!r}.array(L, S) gives one")


class Combined(Mask):
    """Masks combined by & | ~, in postfix order: (a, b, "~", "&") is a & ~b.

    A flat tuple, not a tree: ten thousand masks are evaluated, written and pickled without recursion.
    """

    def __init__(self, *steps: Mask | str) -> None:
        self.steps = steps

    @property
    def masks(self) -> list[Mask]:
        """The masks that are combined."""
        return [step for step in self.steps if isinstance(step, Mask)]

    def _fold(self, of: Callable[[Mask], Any], join: Callable[[str, Any, Any], Any], invert: Any) -> Any:
        """`of` of every mask, joined at each & and |, inverted at each ~."""
        stack: list[Any] = []
        for step in self.steps:
            if isinstance(step, Mask):
                stack.append(of(step))
            elif step == "~":
                stack.append(invert(stack.pop()))
            else:
                right = stack.pop()
                stack.append(join(step, stack.pop(), right))
        return stack.pop()

    def __repr__(self) -> str:
        if len(self.steps) > 40:
            return f"<{len(self.masks)} masks combined by & | ~>"
        text = self._fold(repr, lambda sign, left, right: f"({left} {sign} {right})", lambda mask: f"~{mask}")
        return str(text)

    def column_range(self, rows: slice, L: int, S: int) -> tuple[int, int]:
        def join(sign: str, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
            inner, outer = (max, min) if sign == "&" else (min, max)
            return inner(left[0], right[0]), outer(left[1], right[1])

        start, stop = self._fold(lambda mask: mask.column_range(rows, L, S), join, lambda _: (0, S))
        return start, stop

    def entry(self, index: tuple[int, ...], heads: bool) -> Mask:
        return Combined(*(step if isinstance(step, str) else step.entry(index, heads) for step in self.steps))

    def batch_shape(self, heads: bool) -> tuple[int, ...]:
        def join(_: str, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
            try:
                return left if left == right else np.broadcast_shapes(left, right)
            except ValueError:
                sides = f"{left} and {right}"
                raise ValueError(f"the batch axes of {self!r} do not broadcast: {sides}") from None

        return tuple(self._fold(lambda mask: mask.batch_shape(heads), join, lambda shape: shape))

    def _visible(self, i: Array, j: Array, lengths: tuple[int, int], heads: bool) -> Tile:
        def join(sign: str, left: Tile, right: Tile) -> Tile:
            if isinstance(right, bool):
                left, right = right, left
            if isinstance(left, bool):
                absorbs = left is (sign == "|")  # True | x is True, False & x is False
                return left if absorbs else right
            return left & right if sign == "&" else left | right

        def invert(visible: Tile) -> Tile:
            return not visible if isinstance(visible, bool) else ~visible

        visible: Tile = self._fold(lambda mask: mask._visible(i, j, lengths, heads), join, invert)
        return visible


def _steps(mask: Mask) -> tuple[Mask | str, ...]:
    return mask.steps if isinstance(mask, Combined) else (mask,)


def alignment_offset(mask: object, align: str | None, L: int, S: int) -> int:
    """A query's position minus its index: 0 for "top_left", S - L for "bottom_right"."""
    if L != S and align is None:
        raise ValueError(
            f"{mask!r} over {L} queries and {S} keys: say where the corner is, "
            'align="top_left", align="bottom_right", or offset='
        )
    return S - L if align == "bottom_right" else 0


def entry_index(index: tuple[int, ...], array: Array, trailing: int) -> tuple[int, ...]:
    """Entry `index` of the broadcast batch as an index into `array`, all but its last `trailing` axes."""
    axes = array.shape[: max(0, array.ndim - trailing)]
    return tuple(i if n != 1 else 0 for i, n in zip(index[len(index) - len(axes) :], axes, strict=True))


def batch_entry(array: Array, index: tuple[int, ...], trailing: int) -> Array:
    """The last `trailing` axes of `array` for entry `index` of the broadcast batch."""
    return np.asarray(array[entry_index(index, array, trailing)])


def _positions(name: str, part: slice, length: int) -> Array:
    if not isinstance(part, slice):
        raise TypeError(f"{name} is {shown(part)}; a slice is expected")
    return np.arange(*part.indices(length))


def _require_mask(other: object) -> Mask:
    if isinstance(other, Mask):
        return other
    raise TypeError(f"{type(other).__name__} beside a mask {POLARITY_HINT}")


def visible_pairs(mask: Mask | None, scores_shape: tuple[int, ...]) -> Array | None:
    """`mask` as booleans of the scores' shape, (..., H, L, S) or (L, S); None for no mask."""
    if mask is None:
        return None
    check_mask(mask, scores_shape)
    return np.broadcast_to(mask.array(*scores_shape[-2:], heads=len(scores_shape) > 2), scores_shape)


def check_mask(mask: object, scores_shape: tuple[int, ...]) -> None:
    """TypeError unless `mask` is a Mask, ValueError unless it broadcasts to the scores."""
    if isinstance(mask, (str, int, tuple)) or callable(mask):
        came = getattr(mask, "__name__", shown(mask))
        raise TypeError(
            f"mask is {came}; a Mask is expected: write mask=na.causal(), mask=na.window(left, right), "
            "mask=na.padding(lengths) or mask=na.visible(array)"
        )
    if not isinstance(mask, Mask):
        raise TypeError(f"mask is {type(mask).__name__}, which {POLARITY_HINT}")
    L, S = scores_shape[-2:]
    heads = len(scores_shape) > 2
    try:
        mask.check_lengths(L, S, heads)
        shape = (*mask.batch_shape(heads), L, S)
    except ValueError as error:
        raise ValueError(f"mask: {error}") from None
    try:
        fits = len(shape) == 2 or np.broadcast_shapes(shape, scores_shape) == scores_shape
    except ValueError:
        fits = False
    if not fits:
        target = f"the shape of the scores, {scores_shape}"
        raise ValueError(f"mask {mask!r} has shape {shape}, which does not broadcast to {target}")
