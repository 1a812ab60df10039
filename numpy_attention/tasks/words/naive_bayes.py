"""The baseline of labelled texts: multinomial naive Bayes, which counts the symbols of each class.

log P(class | ids) = log P(class) + Σ_t log P(id_t | class) - log Σ of the same over the classes
P(id | class)      = (count of id in the class + added) / (count of all + added * vocabulary)
"""

import numpy as np

from ...functional.base.admission import Array
from ...functional.layers.softmax import log_softmax
from .examples import Labelled

ADDED = 0.3
"""To every count; from 0.03 to 1 it makes no difference on the validation part of docstrings."""


def naive_bayes(train: Labelled, test: Labelled, symbols: int, classes: int) -> Array:
    """Log-probabilities (N, classes) of the test part, by counts in the training part.

    Examples
    --------
    >>> train = Labelled(np.array([[1, 1], [2, 0]]), np.array([2, 1]), np.array([0, 1]))
    >>> test = Labelled(np.array([[2, 2]]), np.array([2]), np.array([1]))
    >>> naive_bayes(train, test, symbols=3, classes=2).argmax(axis=1)
    array([1])

    References
    ----------
    McCallum and Nigam 1998, the multinomial model.
    """
    counts = np.full((classes, symbols), ADDED)
    for label in range(classes):
        counts[label] += counted(train.some(train.labels == label), symbols).sum(axis=0)
    shares = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log(np.bincount(train.labels, minlength=classes) / train.size)
    found: Array = log_softmax(counted(test, symbols) @ shares.T + prior)
    return found


def counted(texts: Labelled, symbols: int) -> Array:
    """(N, symbols) how often each id is in each text."""
    counts = np.zeros((texts.size, symbols))
    for place, (row, length) in enumerate(zip(texts.ids, texts.lengths, strict=True)):
        counts[place] = np.bincount(row[:length], minlength=symbols)
    return counts
