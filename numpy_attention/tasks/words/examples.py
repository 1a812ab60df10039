"""What tasks of words train on: windows of one long text, or pairs of a source and a target."""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array


class Windows(NamedTuple):
    """N windows of `length` + 1 ids of one text: each id but the last is followed by its target."""

    ids: Array
    """(M,) the whole text"""
    starts: Array
    """(N,) where each window begins"""
    length: int

    @property
    def size(self) -> int:
        """N"""
        return len(self.starts)

    def some(self, rows: Any) -> "Windows":
        """The windows selected by an index array or a slice."""
        return self._replace(starts=self.starts[rows])

    @property
    def rows(self) -> Array:
        """(N, length + 1)"""
        rows: Array = self.ids[self.starts[:, None] + np.arange(self.length + 1)]
        return rows


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
