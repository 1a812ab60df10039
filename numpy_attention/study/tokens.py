"""A user's own numbers: a JSON file of tokens, small enough to print."""

from typing import Any

import numpy as np

from ..files import PathLike, read_json
from ..functional.base.admission import Array

MOST = 8
"""The most tokens, and entries of each, that fit on a page."""

SMALLEST, LARGEST = 1e-9, 1e6
"""Range of the magnitude of a number other than 0; more digits do not fit on a page."""


def read_tokens(path: PathLike) -> dict[str, Array]:
    """The arrays of a JSON file by name; a bare list is named tokens.

    Parameters
    ----------
    path : `[[1, 0], [0, 1]]`, or `{"query": [[1, 0]], "key": …, "value": …, "d_out": …, "scale": 0.5}`

    Raises
    ------
    ValueError
        If the file holds anything else: one sentence that names the file and the place in it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "tokens.json")
    ...     _ = path.write_text("[[1, 0], [0.5, 2]]")
    ...     read_tokens(path)
    {'tokens': array([[1. , 0. ],
           [0.5, 2. ]])}
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(content, dict):
        content = {"tokens": content}
    if not content:
        raise ValueError(f"{path} holds no tokens")
    return {str(name): _array(f"{path}: {name}", x, name in ROWS) for name, x in content.items()}


ROWS = ("tokens", "memory", "W_Q", "W_K", "W_V", "query", "key", "value", "d_out")
"""Arrays of rows; the other names are parameters of a score."""


def _array(place: str, x: Any, has_rows: bool) -> Array:
    if has_rows and not isinstance(x, list):
        raise ValueError(f"{place} is {_short(x)}; a list of lists of numbers is expected")
    if not isinstance(x, list):
        return np.array(_number(place, x))
    if not 0 < len(x) <= MOST:
        raise ValueError(f"{place} holds {len(x)} entries; from 1 to {MOST} can be shown")
    if not has_rows and not any(isinstance(entry, list) for entry in x):
        return np.array([_number(f"{place}, number {n}", entry) for n, entry in enumerate(x, 1)])
    rows = [_row(f"{place}, row {n}", row) for n, row in enumerate(x, 1)]
    for n, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"{place}, row {n} has {len(row)} numbers, but row 1 has {len(rows[0])}")
    return np.array(rows)


def _row(place: str, row: Any) -> list[float]:
    if not isinstance(row, list):
        raise ValueError(f"{place} is {_short(row)}; a list of numbers is expected")
    if not 0 < len(row) <= MOST:
        raise ValueError(f"{place} has {len(row)} numbers; from 1 to {MOST} can be shown")
    return [_number(f"{place}, number {n}", x) for n, x in enumerate(row, 1)]


def _number(place: str, x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        raise ValueError(f"{place} is {_short(x)}; a number is expected")
    if x and not SMALLEST <= abs(x) <= LARGEST:
        raise ValueError(f"{place} is {_short(x)}; 0 or a size from {SMALLEST:g} to {LARGEST:g} is expected")
    return float(x)


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 40 else f"{text[:40]}…"
