"""The baseline of the language models: n-grams, interpolated as Witten and Bell did.

P_n(w | h) = (c(h w) + T(h) P_{n-1}(w | h')) / (c(h) + T(h))

h: the n - 1 symbols before w, h' all but the first of them; c counts in the training part, T(h) the different
symbols that followed h there. P_0 is uniform over the vocabulary; where h never came, P_n = P_{n-1}.
"""

import numpy as np

from ...functional.base.admission import Array
from ...training.objective import Figures


def ngram_probabilities(train: Array, test: Array, symbols: int, order: int) -> list[Array]:
    """P_1, …, P_order of every id of the test part, which follows the training part.

    Parameters
    ----------
    train, test : ids (N,) and (M,), below `symbols`
    symbols : size of the vocabulary
    order : the longest n

    Examples
    --------
    After "abab": P_1(a) = (2 + 2 / 2) / (4 + 2), and P_2(a | b) = (1 + P_1(a)) / (1 + 1).

    >>> [p.tolist() for p in ngram_probabilities(np.array([0, 1, 0, 1]), np.array([0]), 2, 2)]
    [[0.5], [0.75]]

    References
    ----------
    Witten and Bell 1991, The zero-frequency problem, method C; interpolated as in Chen and Goodman 1999.
    """
    ids, size = np.concatenate([train, test]).astype(np.int64), len(train)
    history = np.zeros(len(ids), dtype=np.int64)
    probabilities, results = np.full(len(test), 1 / symbols), []
    for n in range(1, order + 1):
        code = np.unique(history * symbols + ids, return_inverse=True)[1].reshape(-1)
        known = slice(n - 1, size)  # those with n - 1 ids before them
        count = np.bincount(code[known], minlength=len(ids))
        histories = np.bincount(history[known], minlength=len(ids))
        first = np.unique(code[known], return_index=True)[1] + (n - 1)
        followers = np.bincount(history[first], minlength=len(ids))
        h = history[size:]
        total = histories[h] + followers[h]
        mixed = (count[code[size:]] + followers[h] * probabilities) / np.maximum(total, 1)
        probabilities = np.where(total > 0, mixed, probabilities)
        results.append(probabilities)
        history = np.concatenate([[0], code[:-1]])
    return results


def ngram_figures(train: Array, test: Array, symbols: int, orders: tuple[int, ...]) -> dict[str, Figures]:
    """Mean loss in nats of the interpolated n-grams, by name; they choose no symbol, so no accuracy."""
    losses = [-np.log(p).mean() for p in ngram_probabilities(train, test, symbols, max(orders))]
    return {f"{n}-gram": Figures(float(losses[n - 1]), float("nan")) for n in orders}
