"""The attention map of a classification: a few held-out examples, ordered by class."""

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import cut
from ...training.run import Run
from ...training.task import AttentionMap
from .cleaning import Prepared
from .comparison import LEARNED, models_of
from .evaluation import predict

MAX_ROWS = 12
"""Examples in the attention map."""


def attention_map(run: Run, data: Prepared) -> AttentionMap:
    """The weights of a few held-out examples, the mean over the heads, one example a row."""
    predictions = predict(models_of(run)[LEARNED], run.params, data.test)
    weights, y = predictions.weights.mean(axis=1), data.test.y  # over heads: (N, T)
    rows = some_of_each(y)
    classes = [cut(name) for name in data.raw.classes]
    names = tuple(f"{row + 1}: {classes[int(y[row])]}" for row in rows)
    tokens = tuple(str(token) for token in range(1, weights.shape[1] + 1))
    return AttentionMap(weights[rows], names, tokens, "attention weights of held-out examples")


def some_of_each(y: Array, most: int = MAX_ROWS) -> list[int]:
    """Rows of the first examples of each class, equally many of each, ordered by class.

    Examples
    --------
    >>> some_of_each(np.array([1.0, 0.0, 0.0, 0.0, 1.0]), most=4)
    [1, 2, 0, 4]
    """
    present = np.unique(y)
    share = max(most // len(present), 1)
    return [int(row) for label in present for row in np.flatnonzero(y == label)[:share]]
