"""The baselines of next-item: popularity, and Markov chains of order 1 and 2 over items, by counting.

P_n(item | h) = (c(h item) + T(h) P_{n-1}(item | h')) / (c(h) + T(h))                as in words/ngrams

h: the n - 1 items before, h' all but the first of them. P_1 is popularity; P_0 is uniform, so that no item
has probability 0.
"""

import numpy as np

from ...functional.base.admission import Array
from .ranking import Scores, Sessions

BASELINES = {"popularity": 0, "first-order Markov": 1, "second-order Markov": 2}
"""How many items before the next one each of them knows."""


def counting_scores(sessions: Sessions, items: int, order: int) -> Scores:
    """Log-probabilities by counts of the sessions' judged items, after up to `order` items before them.

    Examples
    --------
    >>> one = Sessions(np.array([[0, 1, 0, 1]]), np.full((1, 3), True))
    >>> np.exp(counting_scores(one, 2, 0)(one)[0]), np.exp(counting_scores(one, 2, 1)(one)[0])
    (array([0.4, 0.6]), array([0.13333333, 0.86666667]))
    """
    known = []
    for n in range(order + 1):
        codes = contexts(sessions, items, n)
        places = np.argsort(codes, kind="stable")
        known.append((codes[places], sessions.targets[places]))

    def scores(some: Sessions) -> Array:
        probabilities = np.full((len(some.targets), items), 1 / items)
        for n, (codes, after) in enumerate(known):
            own = contexts(some, items, n)
            for code in np.unique(own[own >= 0]):
                first, last = np.searchsorted(codes, [code, code + 1])
                counts = np.bincount(after[first:last], minlength=items)
                different = np.count_nonzero(counts)
                if different:
                    rows, total = own == code, last - first + different
                    probabilities[rows] = (counts + different * probabilities[rows]) / total
        return np.asarray(np.log(probabilities))

    return scores


def contexts(sessions: Sessions, items: int, order: int) -> Array:
    """(M,) a number for the `order` items before each judged one; -1 where there are fewer.

    Examples
    --------
    >>> contexts(Sessions(np.array([[3, 7, 1]]), np.full((1, 2), True)), 10, 2).tolist()
    [-1, 37]
    """
    rows, places = np.nonzero(sessions.judged)
    codes = np.zeros(len(rows), dtype=np.int64)
    for back in reversed(range(order)):
        codes = codes * items + sessions.rows[rows, places - back]
    return np.where(places + 1 >= order, codes, -1)
