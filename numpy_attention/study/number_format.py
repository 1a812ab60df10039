"""Small arrays as text: at least four digits, aligned decimal points, a plain 0 only for an exact 0."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array

WIDTH = 100

ROW = 8
"""Entries per line of an array with one axis."""

MOST_DIGITS = 5
"""Most digits before the point; larger numbers, and those below 0.001, are in scientific notation."""


def format_rows(x: npt.ArrayLike) -> list[str]:
    """The rows of an array of up to two axes, aligned; booleans are yes and no.

    Examples
    --------
    >>> for row in format_rows([[1, -0.25], [0, 1e-9]]):
    ...     print(row)
    1.0000   -0.2500
    0         1.0e-09
    """
    array = np.atleast_2d(np.asarray(x))
    decimals = _decimals(array)
    columns = [_aligned([_cell(entry, decimals) for entry in column]) for column in array.T]
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]


def format_few(x: npt.ArrayLike) -> str:
    """The entries in one line; the first three if there are more than four.

    Examples
    --------
    >>> format_few(0.125), format_few([1, 0.5, -2e-17]), format_few(range(9))
    ('0.1250', '1, 0.5000, -2.0e-17', '0, 1, 2, …')
    """
    entries = np.ravel(np.asarray(x))
    shown = entries if len(entries) <= 4 else entries[:3]
    cells = [_cell(entry, _decimals(entry)) for entry in shown]
    return ", ".join(cells + ["…"] * (len(shown) < len(entries)))


def _decimals(x: Array) -> int | None:
    """The decimals that show four digits of the largest entry; None for scientific notation."""
    if x.dtype.kind == "b":
        return 0
    finite = np.abs(x[np.isfinite(x)])
    largest = float(finite.max(initial=0))
    if largest < 10**MOST_DIGITS and (finite == np.round(finite)).all():
        return 0
    if not 1e-3 <= largest < 10**MOST_DIGITS:
        return None
    digits = math.floor(math.log10(largest)) + 1
    return min(4, 6 - digits) if digits >= 0 else 4 - digits


def _cell(x: object, decimals: int | None) -> str:
    if isinstance(x, np.bool_):
        return "yes" if x else "no"
    number = float(x)  # type: ignore[arg-type]
    if number == 0 or not math.isfinite(number):
        return f"{abs(number) if number == 0 else number:g}"
    if decimals is None:
        return f"{number:.3e}" if abs(number) >= 1e-9 else f"{number:.1e}"
    return f"{number:.1e}" if decimals and abs(number) < 10.0 ** (1 - decimals) else f"{number:.{decimals}f}"


def _aligned(cells: list[str]) -> list[str]:
    """The cells of a column with aligned decimal points; words and infinities at the right."""
    parts = {cell: cell.partition(".") for cell in cells if not cell[-1].isalpha()}
    before = max((len(whole) for whole, _, _ in parts.values()), default=0)
    after = max((len(point + rest) for _, point, rest in parts.values()), default=0)
    width = max(before + after, *map(len, cells))
    for cell, (whole, point, rest) in parts.items():
        parts[cell] = (whole.rjust(before), point, rest.ljust(after - len(point)))
    return ["".join(parts.get(cell, ("", "", cell))).rjust(width) for cell in cells]


class TextBlock(NamedTuple):
    """Lines of text under a title."""

    title: str
    lines: list[str]

    @property
    def width(self) -> int:
        """The length of the longest line."""
        return max(map(len, (self.title, *self.lines)))


def array_block(
    name: str,
    x: npt.ArrayLike,
    *,
    shape: bool = True,
    column: bool = False,
    heads: Mapping[int, str] | None = None,
) -> TextBlock:
    """An array under its name and shape; with three axes, one slice of the last axis below another.

    With `column`, an array of one axis is printed as a column. `heads` are names of the first axis by its
    length: with them, one head is printed below another.

    Examples
    --------
    >>> print(*side_by_side([array_block("query", [[1, 2]]), array_block("scale", 0.5)]), sep="\\n")
    query (1, 2)    scale
    1  2            0.5000
    """
    array = np.asarray(x)
    title = f"{name} {array.shape}" if shape and array.shape else name
    return TextBlock(title, _array_lines(array[..., None] if column else array, heads or {}))


def _array_lines(array: Array, heads: Mapping[int, str]) -> list[str]:
    if array.ndim == 1:
        return [row for n in range(0, len(array), ROW) for row in format_rows(array[n : n + ROW])]
    if array.ndim < 3:
        return format_rows(array)
    name = heads.get(len(array), "part")
    if not heads:
        slices = {f"[..., {last}]": format_rows(array[..., last]) for last in range(array.shape[-1])}
    elif array.ndim == 3:
        rows, n = format_rows(array.reshape(-1, array.shape[-1])), array.shape[1]
        slices = {f"{name} {h}": rows[h * n : (h + 1) * n] for h in range(len(array))}
    else:
        slices = {f"{name} {h}": _array_lines(x, {}) for h, x in enumerate(array)}
    return [line for name, lines in slices.items() for line in (name, *lines)]


def side_by_side(blocks: Iterable[TextBlock], width: int = WIDTH - 4, gap: int = 4) -> Iterator[str]:
    """The lines of blocks placed side by side, wrapped to a new band where `width` is full."""
    band: list[TextBlock] = []
    for block in blocks:
        if band and sum(b.width + gap for b in band) + block.width > width:
            yield from (*_joined_lines(band, gap), "")
            band = []
        band.append(block)
    if band:
        yield from _joined_lines(band, gap)


def _joined_lines(blocks: list[TextBlock], gap: int) -> Iterator[str]:
    columns = [[block.title, *block.lines] for block in blocks]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (part.ljust(block.width + gap) for part, block in zip(parts, blocks, strict=True))
        yield "".join(padded).rstrip()
