"""CSV tables: a header, then one example per line, its columns filling T tokens in order.

    age, dose, pulse, age later, dose later, pulse later, well        two tokens of three, and a label

A cell that is empty or says NA, NaN, null or ? is a missing value. Other text is refused. `table_text` reads
the file, `labels` the classes.
"""

import csv
import io
import math
import shlex
import unicodedata
from typing import NamedTuple

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..functional.base.wording import cut, some_names
from ..training.data import Examples
from .labels import check_classes, ordered_classes, spelling
from .table_text import check_row_lengths, looks_like_number, read_rows

MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "?"))


class Table(NamedTuple):
    """A CSV file as text."""

    file: str
    columns: tuple[str, ...]
    cells: list[list[str]]
    """(rows, columns)"""
    lines: list[int]
    """The line of the file on which each row ends, counted from 1."""


def read_table(path: PathLike, delimiter: str | None = None) -> Table:
    """Read a CSV file as text; a column without a name is "Unnamed: 0", counted from 0, as in pandas.

    Raises
    ------
    ValueError
        If it is no CSV file, or its header or a row is missing, ambiguous or of another length.
    OSError
        If it cannot be read.
    """
    rows = read_rows(path, delimiter)
    if len(rows) < 2:
        raise ValueError(f"{path} has {'a header and no rows' if rows else 'no header'}")
    check_row_lengths(path, rows)
    (line, header), *rows = rows
    if all(map(looks_like_number, header)):
        raise ValueError(f"{path}, line {line} holds numbers only; a header with names is expected above")
    header = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    double = first_double(header)
    if double is not None:
        raise ValueError(f"{path}, line {line}: two columns are called {cut(double)!r}{_no_header(header)}")
    return Table(str(path), tuple(header), [row for _, row in rows], [line for line, _ in rows])


def first_double(names: list[str]) -> str | None:
    """The first name that occurs twice, or None.

    Examples
    --------
    >>> first_double(["a", "b", "a"])
    'a'
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def number_columns(table: Table, columns: tuple[str, ...], *, strict: bool = False) -> Array:
    """The named columns (N, columns) as numbers, NaN where a value is missing.

    Raises
    ------
    ValueError
        If a column does not exist, a cell is not a number, or, with `strict`, a value is missing or infinite.
    """
    places = _places(table, columns)
    values = np.empty((len(table.cells), len(columns)))
    for row, (line, cells) in enumerate(zip(table.lines, table.cells, strict=True)):
        for column, place in enumerate(places):
            try:
                values[row, column] = _number(cells[place])
            except ValueError:
                where = _where(table, line, columns[column])
                raise ValueError(f"{where}: {_not_a_number(cells[place])}") from None
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
    (place,) = _places(table, (column,))
    for line, cells in zip(table.lines, table.cells, strict=True):
        if cells[place].lower() in MISSING:
            hint = f": {cells[place]!r} names no class" if cells[place] else ""
            raise ValueError(f"{_where(table, line, column)}: the label is missing{hint}")
    return [cells[place] for cells in table.cells]


def class_numbers(table: Table, column: str, classes: tuple[str, ...]) -> Array:
    """y (N,): the index of each label among the classes.

    Raises
    ------
    ValueError
        If a label is missing, or is not one of the classes.
    """
    spell = spelling(classes)
    places = {spell(name): place for place, name in enumerate(classes)}
    labels = label_column(table, column)
    for line, label in zip(table.lines, labels, strict=True):
        if spell(label) not in places:
            expected = f"one of {some_names(classes)} is expected"
            raise ValueError(f"{_where(table, line, column)}: {cut(label)!r} is not a class; {expected}")
    return np.array([places[spell(label)] for label in labels], dtype=np.float64)


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
    path: PathLike,
    label: str,
    tokens: int,
    strict: bool,
    *,
    delimiter: str | None = None,
    drop: str | None = None,
) -> tuple[Examples, tuple[str, ...], tuple[str, ...]]:
    """The examples of a file, their classes, and the columns that fill the tokens.

    Parameters
    ----------
    path, label, tokens
        The file, its column of classes, and the number of tokens that the other columns fill.
    strict
        True to refuse missing and infinite values.
    delimiter
        The separator; None for a comma.
    drop
        Columns to leave out, separated by commas, with quotes where a name holds a comma.

    Raises
    ------
    ValueError
        If the file is not such a table, has one class only, or a label that is no class.
    OSError
        If it cannot be read.
    """
    table = read_table(path, delimiter)
    labels = label_column(table, label)
    if label in labels:
        line = table.lines[labels.index(label)]
        raise ValueError(
            f"{path}: {cut(label)!r} is a label in line {line}, and the name of its column; a header "
            "with names is expected above the rows"
        )
    classes = ordered_classes(labels)
    check_classes(labels, classes, f"{path}: every {cut(label)}")
    columns = columns_beside(table, label, drop)
    _refuse_index(table, columns)
    _refuse_text(table, columns)
    values = number_columns(table, columns, strict=strict)
    for name, column in zip(columns, values.T, strict=True):
        if not np.isfinite(column).any():
            raise ValueError(f"{path}: the column {cut(name)!r} holds no number; {_drop_hint([name])}")
    x = split_into_tokens(values, tokens, table.file)
    return Examples(x, class_numbers(table, label, classes)), classes, columns


def columns_beside(table: Table, label: str, drop: str | None) -> tuple[str, ...]:
    """The columns that are neither the label nor dropped.

    Raises
    ------
    ValueError
        If a column to drop does not exist, or is the label.
    """
    dropped = () if drop is None else tuple(name.strip() for name in next(csv.reader([drop])))
    _places(table, dropped)
    if label in dropped:
        raise ValueError(f"drop names {cut(label)!r}, which is the label; other columns are expected")
    left_out = {label, *map(_composed, dropped)}
    return tuple(name for name in table.columns if name not in left_out)


def _refuse_index(table: Table, columns: tuple[str, ...]) -> None:
    """Refuse a first column without a name that counts the rows, as pandas writes its index."""
    if not table.columns[0].startswith("Unnamed: 0") or table.columns[0] not in columns:
        return
    cells = [row[0] for row in table.cells]
    if any(cells == [str(row) for row in range(first, first + len(cells))] for first in (0, 1)):
        raise ValueError(
            f"{table.file}: the column {table.columns[0]!r} has no name and counts the rows; "
            f"{_drop_hint([table.columns[0]])}, a name in the header keeps it"
        )


def _refuse_text(table: Table, columns: tuple[str, ...]) -> None:
    """Refuse columns that hold text and not one number, all of them in one sentence."""
    places = _places(table, columns)
    texts = [
        name for name, place in zip(columns, places, strict=True)
        if not any(_is_number(row[place]) for row in table.cells)
        and any(row[place].lower() not in MISSING for row in table.cells)
    ]  # fmt: skip
    if not texts:
        return
    (place,) = _places(table, (texts[0],))
    row = next(row for row, cells in enumerate(table.cells) if cells[place].lower() not in MISSING)
    where = _where(table, table.lines[row], texts[0])
    hint = "" if looks_like_number(table.cells[row][place]) else f"; {_drop_hint(texts)}"
    raise ValueError(f"{where}: {_not_a_number(table.cells[row][place])}{hint}")


def _drop_hint(names: list[str]) -> str:
    if len(names) > 40 or any(len(name) > 60 for name in names):
        return "--drop leaves columns out"
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return f"--drop {shlex.quote(text.getvalue())} leaves it out" + " with its like" * (len(names) > 1)


def _not_a_number(cell: str) -> str:
    hint = "; a decimal point, and no separators of thousands, are expected" * looks_like_number(cell)
    return f"{cut(cell)!r} is not a number{hint}"


def _is_number(cell: str) -> bool:
    """True for a number, False for text and for a missing value."""
    try:
        return not math.isnan(_number(cell))
    except ValueError:
        return False


def _number(cell: str) -> float:
    if cell.lower() in MISSING:
        return math.nan
    if "_" in cell:  # float() accepts 1_000
        raise ValueError(cell)
    return float(cell)


def _places(table: Table, columns: tuple[str, ...]) -> list[int]:
    known = {name: place for place, name in enumerate(table.columns)}
    for name in columns:
        if _composed(name) not in known:
            raise ValueError(
                f"{table.file} has no column {cut(name)!r}; its header has {some_names(table.columns)}"
                f"{_no_header(table.columns)}"
            )
    return [known[_composed(name)] for name in columns]


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _no_header(header: tuple[str, ...] | list[str]) -> str:
    return "; is the line with the names missing?" * any(map(looks_like_number, header))


def _where(table: Table, line: int, column: str) -> str:
    return f"{table.file}, line {line}, column {cut(column)!r}"
