"""The rows of a CSV file as text: encoding, separator, comments, quotes.

The separator is a comma unless `delimiter` or a first line `sep=;` names another. Lines before the header
that start with # are comments, except one that names the columns, as numpy.savetxt writes it.
"""

import csv
import io
import re
import unicodedata
from pathlib import Path

from ..files import PathLike
from ..functional.base.wording import counted, cut
from ..training.settings import DELIMITER_NAMES

LINE_END = re.compile("\r\n|\r|\n")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
OTHER_FILES = {
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"PK\x03\x04": "is a zip file or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; save the sheet as CSV",
    b"PAR1": "is a Parquet file; write it as CSV",
}
Rows = list[tuple[int, list[str]]]


def read_rows(path: PathLike, delimiter: str | None = None) -> Rows:
    """The rows, each with the line on which it ends; the first is the header. Empty lines are left out, and
    rows of empty cells at the end.

    Raises
    ------
    ValueError
        If the file is no text, no CSV, or has another separator.
    OSError
        If it cannot be read.
    """
    if re.match(r"\w+://", str(path)):
        raise ValueError(f"{path} is an address; download the file first")
    text, skipped, separator = _body(path, _decode(path, Path(path).read_bytes()), delimiter)
    _check_separator(path, text, skipped, separator)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        strict=True,
        skipinitialspace=separator != " ",
    )
    rows, first = [], 1
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                rows.append((skipped + reader.line_num, [cell.strip() for cell in row]))
            first = reader.line_num + 1
    except csv.Error as error:
        unclosed = "unexpected end" in str(error) or "field limit" in str(error)
        reason = 'a quote (") is opened and never closed' if unclosed else str(error)
        line = first if unclosed else reader.line_num
        raise ValueError(f"{path}, line {skipped + line}: {reason}") from None
    while rows and not any(rows[-1][1]):  # as spreadsheets write them
        rows.pop()
    return rows


def looks_like_number(cell: str) -> bool:
    """True for a number, with a decimal comma or separators of thousands too.

    Examples
    --------
    >>> [looks_like_number(cell) for cell in ("1.5", "1,5", "1.234,5", "1e-3", "1.2.3", "x")]
    [True, True, True, True, False, False]
    """
    thousands = r"\d{1,3}([., ']\d{3})+"
    return re.fullmatch(rf"[+-]?({thousands}|\d+|(?=[.,]\d))([.,]\d*)?([eE][+-]?\d+)?", cell) is not None


def separator_of(delimiter: str) -> str:
    """The character that `--delimiter` names: itself, a tab for tab or \\t, a space for space.

    Examples
    --------
    >>> separator_of("tab"), separator_of(";")
    ('\\t', ';')
    """
    return DELIMITER_NAMES.get(delimiter, delimiter)


def _decode(path: PathLike, data: bytes) -> str:
    for start, sentence in OTHER_FILES.items():
        if data.startswith(start):
            raise ValueError(f"{path} {sentence}")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        name = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise ValueError(
            f"{path}, {_position(before)} is no text in {name}: {error.reason} at byte {error.start}; "
            "save the file as UTF-8"
        ) from None
    if "\0" in text:
        position = _position(text[: text.index("\0")])
        raise ValueError(f"{path}, {position}: a NUL character; a text file in UTF-8 is expected")
    return unicodedata.normalize("NFC", text)


def _position(before: str) -> str:
    lines = LINE_END.split(before)
    return f"line {len(lines)}, character {len(lines[-1]) + 1}"


def _body(path: PathLike, text: str, delimiter: str | None) -> tuple[str, int, str]:
    """The text from the header on, the number of lines before it, and the separator."""
    beginning = text[:200].lstrip().lower()
    if beginning.startswith(("<!doctype", "<html", "<?xml")):
        raise ValueError(f"{path} is a web page or XML, no table; was it saved instead of the data?")
    if beginning.startswith(("{", "[{", "[[", "[\n", "[\r")):
        raise ValueError(f"{path} is JSON, no table; write it as CSV: a header, then an example in each line")
    separator = separator_of(delimiter or ",")
    skipped = 0
    line, rest = _first_line(text)
    if match := re.fullmatch(r'"?sep=([^\w"])"?\W*', line, re.IGNORECASE):  # for Excel
        separator = separator if delimiter else match[1]
        text, skipped = rest, 1
    while text.startswith("#") or (text and not _first_line(text)[0].strip()):
        line, rest = _first_line(text)
        if _names_columns(line, _first_line(rest)[0], separator):
            return text.replace("#", "", 1).lstrip(" "), skipped, separator
        text, skipped = rest, skipped + 1
    return text, skipped, separator


def _first_line(text: str) -> tuple[str, str]:
    end = LINE_END.search(text)
    return (text, "") if end is None else (text[: end.start()], text[end.end() :])


def _names_columns(comment: str, row: str, separator: str) -> bool:
    count = comment.count(separator)
    numbers = [looks_like_number(cell.strip()) for cell in row.split(separator)]
    return comment.startswith("#") and 0 < count == row.count(separator) and any(numbers)


def _check_separator(path: PathLike, text: str, skipped: int, separator: str) -> None:
    header = re.sub('"[^"]*"', "", _first_line(text)[0])
    if separator in header:
        return
    counts = {other: header.count(other) for other in DELIMITERS}
    other = max(DELIMITERS, key=lambda each: (each != " " and counts[each] > 0, counts[each]))
    count = counts[other]
    if count:
        name = DELIMITERS[other] + "s" * (count > 1)
        option = "tab" if other == "\t" else f"'{other}'"
        raise ValueError(
            f"{path}, line {skipped + 1}: the header has one column and {count} {name}; "
            f"write --delimiter {option}"
        )


def check_row_lengths(path: PathLike, rows: Rows) -> None:
    """Raise ValueError unless every row has as many cells as the header, the first one."""
    (_, header), *others = rows
    width = len(header)
    if others and all(len(row) == width + 1 for _, row in others):
        raise ValueError(
            f"{path}: every line has {width + 1} cells and the header {width}, as R writes row names; "
            "write it with row.names = FALSE, or name the first column in the header"
        )
    for line, row in others:
        if len(row) != width:
            reason = f"has {counted(len(row), 'cell')}, the header has {width}"
            if row[0].startswith("#"):
                reason = f"starts with #; comments may stand above the header only: {cut(row[0])}"
            raise ValueError(f"{path}, line {line} {reason}")
