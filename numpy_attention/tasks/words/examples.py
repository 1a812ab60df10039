"""What tasks of words train on: windows of one long text, pairs of source and target, texts of classes."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from ...functional.base.admission import Array
from ...training.objective import ExampleSet


class JudgedRows(ExampleSet, Protocol):
    """N rows of ids, each id but the last followed by its target."""

    @property
    def rows(self) -> Array:
        """(N, T + 1)"""

    @property
    def judged(self) -> Array:
        """(N, T) True where a target counts."""


class Windows(NamedTuple):
    """N windows of `length` + 1 ids of one text: each id but the last is followed by its target."""

    ids: Array
    """(M,) the whole text"""
    starts: Array
    """(N,) where each window begins"""
    length: int
    counted: Array | None = None
    """(N,) how many targets at the end of each window are judged; None for all"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.starts)

    def some(self, rows: Any) -> "Windows":
        """The windows selected by an index array or a slice."""
        counted = None if self.counted is None else self.counted[rows]
        return self._replace(starts=self.starts[rows], counted=counted)

    @property
    def rows(self) -> Array:
        """(N, length + 1)"""
        rows: Array = self.ids[self.starts[:, None] + np.arange(self.length + 1)]
        return rows

    @property
    def judged(self) -> Array:
        """(N, length) True where a target counts."""
        counted = np.full(self.size, self.length) if self.counted is None else self.counted
        judged: Array = np.arange(self.length) >= self.length - counted[:, None]
        return judged


LEAST_CONTEXT = 32
"""Ids that every judged target has before it, where the windows are that long."""


def spread_windows(ids: Array, length: int) -> Windows:
    """Windows of the whole text, one after the other; the ids that are left over allow an offset.

    Examples
    --------
    >>> spread_windows(np.arange(20), 5).starts
    array([0, 5])
    """
    return Windows(ids, np.arange(max((len(ids) - 1) // length - 1, 1)) * length, length)


def shifted_windows(rng: np.random.Generator, windows: Windows) -> Windows:
    """`spread_windows` with an offset that is drawn, another for every epoch."""
    spare = len(windows.ids) - 1 - windows.size * windows.length
    return windows._replace(starts=windows.starts + rng.integers(spare + 1))


def judging_windows(before: Array, ids: Array, length: int) -> Windows:
    """Windows that overlap, in which each id counts once, with at least `LEAST_CONTEXT` others before it.

    Parameters
    ----------
    before : at least `length` ids that come before
    ids : the ids that count, in order
    length : targets of a window; half of them count, or as many as have that context

    Examples
    --------
    >>> windows = judging_windows(np.arange(40), np.arange(40, 45), 33)
    >>> windows.rows[:, -3:].tolist(), windows.counted
    ([[39, 40, 41], [41, 42, 43], [42, 43, 44]], array([2, 2, 1]))
    """
    step = max(1, min(length // 2, length + 1 - LEAST_CONTEXT))
    first = np.arange(0, len(ids), step)
    last = np.minimum(first + step, len(ids))
    together = np.concatenate([before[len(before) - length :], ids])
    return Windows(together, last - 1, length, last - first)


class Pairs(NamedTuple):
    """N pairs of sequences, padded at their ends."""

    source: Array
    """(N, S) ids"""
    source_lengths: Array
    """(N,) number of real ids in each row"""
    target: Array
    """(N, T) ids: START, the target, END, then padding"""
    target_lengths: Array
    """(N,) number of real ids in each row, START and END included"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.source)

    def some(self, rows: Any) -> "Pairs":
        """The pairs selected by an index array or a slice."""
        return Pairs(*(array[rows] for array in self))


class Labelled(NamedTuple):
    """N sequences, padded at their ends, and the class of each."""

    ids: Array
    """(N, T)"""
    lengths: Array
    """(N,) number of real ids in each row"""
    labels: Array
    """(N,) from 0"""
    counted: Array | None = None
    """(N, classes) log-probabilities by naive Bayes, to be joined with those of a model; None for none"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.ids)

    def some(self, rows: Any) -> "Labelled":
        """The sequences selected by an index array or a slice."""
        counted = None if self.counted is None else self.counted[rows]
        return Labelled(self.ids[rows], self.lengths[rows], self.labels[rows], counted)
