"""Ratings of one's own: a table of users, items and times, each user's in order of time.

MovieLens' forms are read as they come: `userId,movieId,rating,timestamp`, u.data (tabs, no header) and
ratings.dat (`::`, no header, --delimiter :). That a user rated an item counts, the rating itself does not.
Each user's last item is held out, the one before it validates (leave-one-out); those of equal time are in the
order of the file.
"""

import math
from datetime import datetime, timezone
from typing import NamedTuple

import numpy as np

from ...files import PathLike
from ...functional.base.admission import Array
from ...functional.base.wording import cut, some_names
from ..table_text import Rows, check_row_lengths, looks_like_number, read_rows
from .ranking import Sessions

COLUMNS = {
    "user": ("user", "userid", "uid"),
    "item": ("item", "itemid", "iid", "movie", "movieid"),
    "time": ("time", "timestamp", "date", "datetime"),
}
"""Names that a column may have, upper and lower case, spaces and _ apart."""
MOVIELENS = ("user", "item", "rating", "time")
"""The columns of a file of numbers without a header."""
LEAST = 3
"""Items of a user whose last two are set aside."""


class Histories(NamedTuple):
    """What each user had, in order of time."""

    items: tuple[Array, ...]
    """Places in `names`, of users with at least `LEAST` of them"""
    names: tuple[str, ...]
    """All items of the file, in the order in which they first stand there"""
    left_out: int
    """Users with fewer"""


def read_ratings(path: PathLike, delimiter: str | None = None) -> Histories:
    """The histories of a table of ratings.

    Raises
    ------
    ValueError
        If a column is missing or named twice, a user or an item has no name, a time is none, or no user has
        `LEAST` ratings and two to train on.
    OSError
        If it cannot be read.
    """
    rows = read_rows(path, delimiter)
    if delimiter == ":" and all(not any(cells[1::2]) for _, cells in rows):  # "1::1193::5::978300760"
        rows = [(line, cells[::2]) for line, cells in rows]
    if not rows:
        raise ValueError(f"{path} is empty; ratings with user, item and time are expected")
    check_row_lengths(path, rows)
    header, rows = _header(path, rows)
    user, item, time = (_place(path, header, kind) for kind in COLUMNS)
    items: dict[str, int] = {}
    users: dict[str, list[tuple[float, int]]] = {}
    for line, cells in rows:
        for kind, place in (("user", user), ("item", item)):
            if not cells[place]:
                raise ValueError(f"{path}, line {line}: the {kind} is missing")
        seconds = _seconds(f"{path}, line {line}", cells[time])
        number = items.setdefault(cells[item], len(items))
        users.setdefault(cells[user], []).append((seconds, number))
    ordered = [sorted(history, key=lambda one: one[0]) for history in users.values()]
    kept = tuple(np.array([number for _, number in one]) for one in ordered if len(one) >= LEAST)
    if all(len(history) == LEAST for history in kept):
        raise ValueError(
            f"{path}: no user has {LEAST + 1} ratings or more; the last two of each are set aside, and two "
            "are needed to train on"
        )
    return Histories(kept, tuple(items), len(users) - len(kept))


def training_windows(histories: tuple[Array, ...], context: int) -> Sessions:
    """All but the last two items of each user, in windows in which each but the first is a target once.

    Examples
    --------
    >>> windows = training_windows((np.arange(7), np.array([8, 9, 8, 9])), 3)
    >>> windows.rows.tolist(), windows.judged.astype(int).tolist()
    ([[0, 1, 0, 0], [1, 2, 3, 4], [8, 9, 0, 0]], [[1, 0, 0], [1, 1, 1], [1, 0, 0]])
    """
    pieces = []
    for items in histories:
        ends = range(len(items) - 2, 1, -context)
        pieces += [items[max(end - context - 1, 0) : end] for end in ends][::-1]
    return _padded(pieces, context)


def judged_last(histories: tuple[Array, ...], context: int, left_off: int) -> Sessions:
    """One item of each user, and what was before it: the last, after `left_off` are left off the end.

    Where no user has an item twice, those that a user had are left out of the rankings.

    Examples
    --------
    >>> one = judged_last((np.arange(5),), 3, left_off=1)
    >>> one.rows.tolist(), one.judged.tolist(), one.known
    ([[0, 1, 2, 3]], [[False, False, True]], (array([0, 1, 2]),))
    """
    own = [items[: len(items) - left_off] for items in histories]
    sessions = _padded([items[-context - 1 :] for items in own], context)
    lengths = np.array([min(len(items) - 1, context) for items in own])
    sessions = sessions._replace(judged=np.arange(context) == lengths[:, None] - 1)
    if any(len(np.unique(items)) < len(items) for items in histories):
        return sessions
    return sessions._replace(known=tuple(items[:-1] for items in own))


def _padded(pieces: list[Array], context: int) -> Sessions:
    rows = np.zeros((len(pieces), context + 1), dtype=np.int64)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece
    lengths = np.array([len(piece) for piece in pieces])
    return Sessions(rows, np.arange(1, context + 1) < lengths[:, None])


def _header(path: PathLike, rows: Rows) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows below them."""
    (line, first), *others = rows
    if not all(map(looks_like_number, first)):
        if not others:
            raise ValueError(f"{path} has a header and no rows")
        return first, others
    if len(first) != len(MOVIELENS):
        raise ValueError(
            f"{path}, line {line} holds numbers only; a header that names user, item and time is expected "
            f"above, or the four columns {', '.join(MOVIELENS)} without one"
        )
    return list(MOVIELENS), rows


def _place(path: PathLike, header: list[str], kind: str) -> int:
    """The column of that kind."""
    plain = [name.lower().replace("_", "").replace(" ", "") for name in header]
    places = [place for place, name in enumerate(plain) if name in COLUMNS[kind]]
    if len(places) != 1:
        what = "two columns" if places else "no column"
        hint = "; write --delimiter :" * any("::" in name for name in header)
        raise ValueError(
            f"{path} has {what} of the {kind}, called {', '.join(COLUMNS[kind])}; its header has "
            f"{some_names(header)}, and one such is expected{hint}"
        )
    return places[0]


def _seconds(where: str, text: str) -> float:
    """A time as a number: itself, or the seconds since 1970 of a date."""
    try:
        seconds = float(text) if "_" not in text else math.nan  # float() accepts 1_000
    except ValueError:
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            date = None
        if date is None:
            seconds = math.nan
        else:
            zone = timezone.utc if date.tzinfo is None else date.tzinfo
            seconds = date.replace(tzinfo=zone).timestamp()
    if not math.isfinite(seconds):
        came = repr(cut(text)) if text else "missing"
        raise ValueError(
            f"{where}: the time is {came}; a finite number such as seconds since 1970, or a date such as "
            "2026-11-28 12:30, is expected"
        )
    return seconds
