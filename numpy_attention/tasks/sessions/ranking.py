"""Rankings of all items for what comes next: hit rate, NDCG, and the model that is judged by them.

Every item is ranked. Ranks among a few drawn items, as they are common, can order methods otherwise (Krichene
and Rendle 2020). An item stands behind all others of the same score.

    hit rate at 10 = share of next items among the first ten
    NDCG at 10     = mean of 1 / log2(1 + rank), rank from 1, of those; 0 of the others
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.layers.softmax import log_softmax
from ...nn.parameters import Params
from ...training.objective import Figures
from ..words.objectives import BATCH, NextToken

FIRST = 10
"""Items of a recommendation."""


class Sessions(NamedTuple):
    """N sequences of items, padded at their ends."""

    rows: Array
    """(N, T + 1) ids"""
    judged: Array
    """(N, T) True where the next item counts"""
    known: tuple[Array, ...] | None = None
    """The items that each user had before, which are left out of the rankings; None: every item is ranked"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.rows)

    def some(self, rows: Any) -> "Sessions":
        """The sequences selected by an index array or a slice."""
        known = self.known
        if known is not None:
            known = tuple(known[row] for row in np.arange(self.size)[rows])
        return Sessions(self.rows[rows], self.judged[rows], known)

    @property
    def targets(self) -> Array:
        """(M,) the judged items."""
        targets: Array = self.rows[:, 1:][self.judged]
        return targets


Scores = Callable[[Sessions], Array]
"""scores(sessions): (M, items) log-probability of every item at each judged place."""


class Ranking(NamedTuple):
    """How the judged items were ranked."""

    ranks: Array
    """(M,) from 0"""
    loss: float
    """Mean of -log p"""

    @property
    def hit_rate(self) -> float:
        """The share of judged items among the first ten."""
        return float((self.ranks < FIRST).mean())

    @property
    def ndcg(self) -> float:
        """The normalised discounted cumulative gain at 10, of one relevant item each.

        Examples
        --------
        >>> Ranking(np.array([0, 2, 10]), 0.0).ndcg
        0.5
        """
        return float(np.where(self.ranks < FIRST, 1 / np.log2(self.ranks + 2), 0).mean())


def ranks_of(scores: Array, targets: Array) -> Array:
    """The rank (M,) of each target by scores (M, items), from 0.

    Examples
    --------
    >>> ranks_of(np.array([[0.1, 0.3, 0.2], [0.5, 0.5, 0.0]]), np.array([2, 0]))
    array([1, 1])
    """
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    ranks: Array = (scores >= own).sum(axis=1) - 1
    return ranks


def ranking(scores: Scores, sessions: Sessions) -> Ranking:
    """The ranking of every judged item, a batch at a time."""
    ranks, losses = [], []
    for first in range(0, sessions.size, BATCH):
        some = sessions.some(slice(first, first + BATCH))
        values, targets = scores(some), some.targets
        losses.append(-values[np.arange(len(targets)), targets])
        if some.known is not None:
            values = values.copy()
            for place, row in enumerate(np.nonzero(some.judged)[0]):
                values[place, some.known[row]] = -np.inf
        ranks.append(ranks_of(values, targets))
    return Ranking(np.concatenate(ranks), math.fsum(np.concatenate(losses)) / len(sessions.targets))


class NextItem(NextToken):
    """A language model of items, judged by the rank of the next one."""

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "self-attention"

    def hits(self, logits: Array, targets: Array) -> Array:
        """True where the next item is among the first ten."""
        hits: Array = ranks_of(logits, targets) < FIRST
        return hits

    def ranking(self, params: Params, sessions: Sessions) -> Ranking:
        """How the judged items are ranked."""

        def scores(some: Sessions) -> Array:
            logits, _ = self.model.forward(params, some.rows[:, :-1])
            values: Array = log_softmax(logits[some.judged])
            return values

        return ranking(scores, sessions)

    def figures(self, params: Params, examples: Any) -> Figures:
        """Mean loss and hit rate at 10."""
        found = self.ranking(params, examples)
        return Figures(found.loss, found.hit_rate)
