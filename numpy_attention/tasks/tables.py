"""CSV tables: a header, then one example per line, its columns filling T tokens in order.

    age, dose, pulse, age later, dose later, pulse later, well        two tokens of three, and a label

A cell that is empty or says NA, NaN, null or ? is a missing value. Other text is refused. `table_text` reads
the file, `labels` the classes.
"""

import math
import unicodedata
from typing import NamedTuple, NoReturn

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..functional.base.wording import counted, cut, did_you_mean, some_names
from .classification.data import Examples
from .dropping import drop_hint, dropped_names
from .labels import check_classes, ordered_classes, spelling
from .table_text import check_row_lengths, looks_like_number, read_rows

SWAPPED = str.maketrans(",.", ".,")
MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "?"))


class Table(NamedTuple):
    """A CSV file as text."""

    file: str
    columns: tuple[str, ...]
    cells: list[list[str]]
    """(rows, columns)"""
    lines: list[int]
    """The line of the file on which each row ends, counted from 1."""
    decimal: str = "."
    """What separates whole numbers from fractions, . or ,"""


def read_table(path: PathLike, delimiter: str | None = None, decimal: str | None = None) -> Table:
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
    lines, cells = zip(*rows, strict=True)
    return Table(str(path), tuple(header), list(cells), list(lines), decimal or ".")


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
                values[row, column] = _number(table, cells[place])
            except ValueError:
                where = _where(table, line, columns[column])
                raise ValueError(f"{where}: {_not_a_number(table, cells[place])}") from None
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
        if not any(cells):
            raise ValueError(f"{table.file}, line {line}: the row is empty; remove it")
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
    if not count:
        raise ValueError(f"{file} has no column beside the label; one at least is expected")
    if count % tokens:
        divisors = [str(number) for number in range(1, count + 1) if count % number == 0]
        raise ValueError(
            f"{file} has {counted(count, 'column')} beside the label, which do not fill {tokens} tokens "
            f"evenly; --tokens takes a number that divides them: {some_names(divisors)}"
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
    drop_text: bool | None = None,
    decimal: str | None = None,
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
    drop_text
        True to leave out the columns of text as well.
    decimal
        A comma where numbers are written with decimal commas.

    Raises
    ------
    ValueError
        If the file is not such a table, has one class only, or a label that is no class.
    OSError
        If it cannot be read.
    """
    table = read_table(path, delimiter, decimal)
    labels = label_column(table, label)
    if label in labels and _is_a_row(table):
        line = table.lines[labels.index(label)]
        raise ValueError(
            f"{path}: {cut(label)!r} is a label in line {line}, and the name of its column; a header "
            "with names is expected above the rows"
        )
    classes = ordered_classes(labels)
    check_classes(labels, classes, f"{path}: every {cut(label)}")
    columns = columns_beside(table, label, drop)
    _refuse_index(table, columns, drop)
    texts = text_columns(table, columns)
    if drop_text:
        columns = tuple(name for name in columns if name not in texts)
    elif texts:
        refuse_text(table, texts, drop)
    values = number_columns(table, columns, strict=strict)
    for name, column in zip(columns, values.T, strict=True):
        if not np.isfinite(column).any():
            raise ValueError(f"{path}: the column {cut(name)!r} holds no number; {drop_hint([name], drop)}")
    x = split_into_tokens(values, tokens, table.file)
    return Examples(x, class_numbers(table, label, classes)), classes, columns


def columns_beside(table: Table, label: str, drop: str | None) -> tuple[str, ...]:
    """The columns that are neither the label nor dropped.

    Raises
    ------
    ValueError
        If a column to drop does not exist, or is the label.
    """
    dropped = tuple(dropped_names(drop))
    _places(table, dropped)
    if label in dropped:
        raise ValueError(f"drop names {cut(label)!r}, which is the label; other columns are expected")
    left_out = {label, *map(_composed, dropped)}
    return tuple(name for name in table.columns if name not in left_out)


def _is_a_row(table: Table) -> bool:
    """True if the header has a number, or none, wherever the first row has one: it is a row itself."""
    pairs = [(name, cell) for name, cell in zip(table.columns, table.cells[0], strict=True)
             if _is_number(table, cell)]  # fmt: skip
    numbers = [looks_like_number(name) for name, _ in pairs]
    missing = [name.lower() in MISSING for name, _ in pairs]
    return any(numbers) and all(map(max, numbers, missing))


def _refuse_index(table: Table, columns: tuple[str, ...], drop: str | None) -> None:
    """Refuse a first column without a name that counts the rows, as pandas writes its index."""
    if not table.columns[0].startswith("Unnamed: 0") or table.columns[0] not in columns:
        return
    cells = [row[0] for row in table.cells]
    if any(cells == [str(row) for row in range(first, first + len(cells))] for first in (0, 1)):
        raise ValueError(
            f"{table.file}: the column {table.columns[0]!r} has no name and counts the rows; "
            f"{drop_hint([table.columns[0]], drop)}, a name in the header keeps it"
        )


def text_columns(table: Table, columns: tuple[str, ...]) -> list[str]:
    """The columns of text: no number at all, or words in several rows and in a tenth of all."""
    found = []
    for name, place in zip(columns, _places(table, columns), strict=True):
        words = sum(_is_word(table, row[place]) for row in table.cells)
        numbers = any(_is_number(table, row[place]) for row in table.cells)
        if words > max(1, len(table.cells) // 10) or (words and not numbers):
            found.append(name)
    return found


def refuse_text(table: Table, texts: list[str], drop: str | None) -> NoReturn:
    """Raise ValueError for columns of text, all of them in one sentence."""
    (place,) = _places(table, (texts[0],))
    row = next(row for row, cells in enumerate(table.cells) if _is_word(table, cells[place]))
    where = _where(table, table.lines[row], texts[0])
    raise ValueError(f"{where}: {cut(table.cells[row][place])!r} is not a number; "
                     f"{drop_hint(texts, drop, of_text=True)}")  # fmt: skip


def _not_a_number(table: Table, cell: str) -> str:
    hint = ""
    if looks_like_number(cell):
        mark = "comma" if table.decimal == "," else "point"
        hint = f"; a decimal {mark}, and no separators of thousands, are expected"
        hint += " (--decimal , reads commas)" * (table.decimal == "." and "," in cell)
    return f"{cut(cell)!r} is not a number{hint}"


def _is_word(table: Table, cell: str) -> bool:
    """True for text that is neither a number, however it is written, nor a missing value."""
    return cell.lower() not in MISSING and not looks_like_number(cell) and not _is_number(table, cell)


def _is_number(table: Table, cell: str) -> bool:
    """True for a number, False for text and for a missing value."""
    try:
        return not math.isnan(_number(table, cell))
    except ValueError:
        return False


def _number(table: Table, cell: str) -> float:
    if cell.lower() in MISSING:
        return math.nan
    if "_" in cell:  # float() accepts 1_000
        raise ValueError(cell)
    return float(cell.translate(SWAPPED) if table.decimal == "," else cell)


def _places(table: Table, columns: tuple[str, ...]) -> list[int]:
    known = {name: place for place, name in enumerate(table.columns)}
    for name in columns:
        if _composed(name) not in known:
            raise ValueError(
                f"{table.file} has no column {cut(name)!r}{did_you_mean(name, table.columns)}; its header "
                f"has {some_names(table.columns)}"
                f"{_no_header(table.columns)}"
            )
    return [known[_composed(name)] for name in columns]


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _no_header(header: tuple[str, ...] | list[str]) -> str:
    return "; is the line with the names missing?" * any(map(looks_like_number, header))


def _where(table: Table, line: int, column: str) -> str:
    return f"{table.file}, line {line}, column {cut(column)!r}"
