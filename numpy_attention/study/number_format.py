"""Small arrays in print: four digits or more, points under points, an exact 0 told from a small number."""

import math
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array

WIDTH = 100

ROW = 8
"""Entries of an array of one axis in a line."""

MOST_DIGITS = 5
"""Before the point; beyond them, and below 0.001, a power of ten is written."""


def rows(x: npt.ArrayLike) -> list[str]:
    """The rows of an array of up to two axes, aligned; truth is yes and no.

    Examples
    --------
    >>> for row in rows([[1, -0.25], [0, 1e-9]]):
    ...     print(row)
    1.0000   -0.2500
    0         1.0e-09
    """
    array = np.atleast_2d(np.asarray(x))
    decimals = _decimals(array)
    columns = [_aligned([_cell(entry, decimals) for entry in column]) for column in array.T]
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]


def few(x: npt.ArrayLike) -> str:
    """A number, or several in a line; of more than four, the first three.

    Examples
    --------
    >>> few(0.125), few([1, 0.5, -2e-17]), few(range(9))
    ('0.1250', '1, 0.5000, -2.0e-17', '0, 1, 2, …')
    """
    entries = np.ravel(np.asarray(x))
    shown = entries if len(entries) <= 4 else entries[:3]
    told = [_cell(entry, _decimals(entry)) for entry in shown]
    return ", ".join(told + ["…"] * (len(shown) < len(entries)))


def _decimals(x: Array) -> int | None:
    """How many decimals show four digits of the largest entry; None where a power of ten is wanted."""
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
    """The cells of a column with their points in one place; words and infinities stand to the right."""
    parts = {cell: cell.partition(".") for cell in cells if not cell[-1].isalpha()}
    before = max((len(whole) for whole, _, _ in parts.values()), default=0)
    after = max((len(point + rest) for _, point, rest in parts.values()), default=0)
    width = max(before + after, *map(len, cells))
    for cell, (whole, point, rest) in parts.items():
        parts[cell] = (whole.rjust(before), point, rest.ljust(after - len(point)))
    return ["".join(parts.get(cell, ("", "", cell))).rjust(width) for cell in cells]


class Block(NamedTuple):
    """A title over some lines."""

    title: str
    lines: list[str]

    @property
    def width(self) -> int:
        """Of the widest."""
        return max(map(len, (self.title, *self.lines)))


def block(name: str, x: npt.ArrayLike, *, shape: bool = True, column: bool = False) -> Block:
    """An array under its name and shape; of three axes, what its last one holds under each other.

    With `column`, an array of one axis stands upright.

    Examples
    --------
    >>> print(*band([block("query", [[1, 2]]), block("scale", 0.5)]), sep="\\n")
    query (1, 2)    scale
    1  2            0.5000
    """
    array = np.asarray(x)
    title = f"{name} {array.shape}" if shape and array.shape else name
    if column and array.ndim == 1:
        return Block(title, rows(array[:, None]))
    if array.ndim == 1:
        return Block(title, [row for n in range(0, len(array), ROW) for row in rows(array[n : n + ROW])])
    if array.ndim < 3:
        return Block(title, rows(array))
    lines: list[str] = []
    for last in range(array.shape[-1]):
        lines += [f"[..., {last}]", *rows(array[..., last])]
    return Block(title, lines)


def band(blocks: Iterable[Block], width: int = WIDTH - 4, gap: int = 4) -> Iterator[str]:
    """Blocks side by side, as many as fit into `width`; then the others below."""
    line: list[Block] = []
    for each in blocks:
        if line and sum(b.width + gap for b in line) + each.width > width:
            yield from (*_side_by_side(line, gap), "")
            line = []
        line.append(each)
    if line:
        yield from _side_by_side(line, gap)


def _side_by_side(blocks: list[Block], gap: int) -> Iterator[str]:
    columns = [[each.title, *each.lines] for each in blocks]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (part.ljust(each.width + gap) for part, each in zip(parts, blocks, strict=True))
        yield "".join(padded).rstrip()
