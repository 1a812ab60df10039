"""CSV tables: a header, then one example per line, its columns filling T tokens in order.

    age, dose, pulse, age later, dose later, pulse later, well        two tokens of three, and a label

A cell that is empty or says NA, NaN, null or ? is a missing value. Other text is refused.
"""

import csv
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..training.data import Examples

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))


class Table(NamedTuple):
    """A CSV file as text."""

    file: str
    columns: tuple[str, ...]
    cells: list[list[str]]
    """(rows, columns)"""
    lines: list[int]
    """The line of the file on which each row ends, counted from 1."""


def read_table(path: PathLike) -> Table:
    """Read a CSV file as text.

    Raises
    ------
    ValueError
        If it is not UTF-8 text, or its header or a row is missing, ambiguous or of another length.
    OSError
        If it cannot be read.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
    if len(rows) < 2:
        raise ValueError(f"{path} has {'a header and no rows' if rows else 'no header'}")
    (_, header), *rows = rows
    for i, name in enumerate(header):
        if name in header[:i]:
            raise ValueError(f"{path}, line 1: two columns are called {name!r}")
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line} has {len(row)} cells, the header has {len(header)}")
    return Table(str(path), tuple(header), [row for _, row in rows], [line for line, _ in rows])


def number_columns(table: Table, columns: tuple[str, ...], *, strict: bool = False) -> Array:
    """The named columns (N, columns) as numbers, NaN where a value is missing.

    Raises
    ------
    ValueError
        If a column does not exist, a cell is not a number, or, with `strict`, a value is missing or infinite.
    """
    places = [_place(table, name) for name in columns]
    values = np.empty((len(table.cells), len(columns)))
    for row, (line, cells) in enumerate(zip(table.lines, table.cells, strict=True)):
        for column, place in enumerate(places):
            try:
                values[row, column] = _number(cells[place])
            except ValueError:
                where = _where(table, line, columns[column])
                raise ValueError(f"{where}: {cells[place]!r} is not a number") from None
            if strict and not math.isfinite(values[row, column]):
                where = _where(table, line, columns[column])
                raise ValueError(f"{where}: the value is missing or infinite, which --strict refuses")
    return values


def label_column(table: Table, column: str) -> list[str]:
    """The labels as text.

    Raises
    ------
    ValueError
        If the column does not exist, or a label is missing.
    """
    place = _place(table, column)
    for line, cells in zip(table.lines, table.cells, strict=True):
        if not cells[place]:
            raise ValueError(f"{_where(table, line, column)}: the label is missing")
    return [cells[place] for cells in table.cells]


def ordered_classes(labels: list[str]) -> tuple[str, ...]:
    """The distinct labels, in the order of their numbers if all are numbers, else of the alphabet.

    Examples
    --------
    >>> ordered_classes(["10", "9", "10"]), ordered_classes(["b", "9", "a"])
    (('9', '10'), ('9', 'a', 'b'))
    """
    names = sorted(set(labels))
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def class_numbers(table: Table, column: str, classes: tuple[str, ...]) -> Array:
    """y (N,): the index of each label among the classes.

    Raises
    ------
    ValueError
        If a label is missing, or is not one of the classes.
    """
    labels = label_column(table, column)
    for line, label in zip(table.lines, labels, strict=True):
        if label not in classes:
            expected = f"one of {', '.join(classes)} is expected"
            raise ValueError(f"{_where(table, line, column)}: {label!r} is not a class; {expected}")
    return np.array([classes.index(label) for label in labels], dtype=np.float64)


def split_into_tokens(values: Array, tokens: int, file: str) -> Array:
    """x (N, tokens, input_dim) from values (N, columns), in order.

    Raises
    ------
    ValueError
        If the columns do not fill the tokens evenly.
    """
    count = values.shape[1]
    if not count or count % tokens:
        raise ValueError(
            f"{file} has {count} columns beside the label, which do not fill {tokens} tokens evenly; "
            "--tokens takes a number that divides them"
        )
    return values.reshape(len(values), tokens, -1)


def read_examples(
    path: PathLike, label: str, tokens: int, strict: bool
) -> tuple[Examples, tuple[str, ...], tuple[str, ...]]:
    """The examples of a file, their classes, and the columns that fill the tokens.

    Raises
    ------
    ValueError
        If the file is not such a table, or has one class only.
    OSError
        If it cannot be read.
    """
    table = read_table(path)
    classes = ordered_classes(label_column(table, label))
    if len(classes) < 2:
        raise ValueError(f"{path}: every {label} is {classes[0]}; two classes or more are expected")
    columns = tuple(name for name in table.columns if name != label)
    values = number_columns(table, columns, strict=strict)
    for name, column in zip(columns, values.T, strict=True):
        if not np.isfinite(column).any():
            raise ValueError(f"{path}: the column {name!r} holds no number")
    x = split_into_tokens(values, tokens, table.file)
    return Examples(x, class_numbers(table, label, classes)), classes, columns


def _number(cell: str) -> float:
    if cell.lower() in MISSING:
        return math.nan
    if "_" in cell:  # float() accepts 1_000
        raise ValueError(cell)
    return float(cell)


def _place(table: Table, column: str) -> int:
    if column not in table.columns:
        known = ", ".join(table.columns[:12]) + (", …" if len(table.columns) > 12 else "")
        raise ValueError(f"{table.file} has no column {column!r}; its header has {known}")
    return table.columns.index(column)


def _where(table: Table, line: int, column: str) -> str:
    return f"{table.file}, line {line}, column {column!r}"
