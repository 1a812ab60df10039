"""Columns to leave out: what --drop names, what to write there, and columns that had better be dropped."""

import csv
import io
import shlex

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.wording import cut

LONGEST_OPTION = 200
"""Characters of a --drop that is suggested; the command line cuts longer words."""


def dropped_names(drop: str | None) -> list[str]:
    """The columns that the option --drop names.

    Examples
    --------
    >>> dropped_names('a,"b, c"'), dropped_names(None)
    (['a', 'b, c'], [])
    """
    return [] if drop is None else [name.strip() for name in next(csv.reader([drop]))]


def drop_hint(names: list[str], drop: str | None, *, of_text: bool = False) -> str:
    """The --drop to write, with what is dropped already, never cut: too long, it is said in a short way.

    Examples
    --------
    >>> drop_hint(["my id", "b"], "a")
    "--drop 'a,my id,b' leaves them out"
    """
    them = "it" if len(names) == 1 else "the columns of text" if of_text else "them"
    for before, columns in (("", [*dropped_names(drop), *names]), ("one more ", names)):
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(columns)
        equals = "=" if text.getvalue().startswith("-") else " "
        option = f"--drop{equals}{shlex.quote(text.getvalue())}"
        if len(option) <= LONGEST_OPTION and option.isprintable():
            return f"{before}{option} leaves {them} out"
    return "--drop-text leaves out every column of text" if of_text else "--drop leaves columns out"


def index_notes(values: Array, columns: tuple[str, ...], drop: str | None) -> tuple[str, ...]:
    """A sentence if columns (N, columns) have no name, or count the rows from 0 or 1."""
    rows = np.arange(len(values))
    found = [
        name for name, column in zip(columns, values.T, strict=True)
        if name.startswith("Unnamed: ") or any(np.array_equal(column, rows + first) for first in (0, 1))
    ]  # fmt: skip
    if not found:
        return ()
    what = "has no name" if found[0].startswith("Unnamed: ") else "counts the rows"
    return (f"the column {cut(found[0])!r} {what}; {drop_hint(found, drop)}",)
