"""Translation without attention: by the most similar training example, and by naive Bayes at each place.

Both see a source as the set of its trigrams: "3.1.2020" as "  3", " 3.", "3.1", …
"""

from zlib import crc32

import numpy as np

from ...functional.base.admission import Array
from ...training.objective import Figures
from ...training.settings import Settings
from .examples import Pairs
from .vocabulary import END, PAD
from .word_task import WordData

COLUMNS = 2048
"""Trigrams are counted in this many columns, by their checksum."""
BOUNDARY = (PAD, PAD)
"""Stands before and after a source."""


def baselines(settings: Settings, data: WordData) -> dict[str, Figures]:
    """The share of exact translations of both."""
    train, test = trigrams(data.train), trigrams(data.test)
    wanted = data.test.target[:, 1:]
    predicted = {
        "nearest example": _as_wide(data.train.target[nearest(train, test), 1:], wanted.shape[1]),
        "naive Bayes": naive_bayes(train, data.train.target[:, 1:], test, wanted.shape[1]),
    }
    return {name: Figures(np.nan, exact_share(targets, wanted)) for name, targets in predicted.items()}


def trigrams(pairs: Pairs) -> Array:
    """(N, COLUMNS): 1.0 in the column of each trigram of a source."""
    marked = np.zeros((pairs.size, COLUMNS), dtype=np.float32)
    for place, (ids, length) in enumerate(zip(pairs.source, pairs.source_lengths, strict=True)):
        row = (*BOUNDARY, *ids[:length].tolist(), *BOUNDARY)
        columns = [crc32(str(row[start : start + 3]).encode()) % COLUMNS for start in range(len(row) - 2)]
        marked[place, columns] = 1.0
    return marked


def nearest(train: Array, test: Array) -> Array:
    """The place of the example with the largest cosine, for each row of `test`."""
    lengths = np.sqrt(train.sum(axis=1))
    places: Array = (test @ train.T / lengths).argmax(axis=1)
    return places


def naive_bayes(train: Array, targets: Array, test: Array, width: int) -> Array:
    """The most probable symbol at each of `width` places, places and trigrams taken for independent.

    P(symbol | trigrams) ∝ P(symbol) Π P(trigram | symbol), with one added to every count.
    """
    predicted = np.full((len(test), width), PAD)
    for place in range(min(width, targets.shape[1])):
        symbols, which = np.unique(targets[:, place], return_inverse=True)
        one_hot = np.eye(len(symbols), dtype=np.float32)[which]
        counts = one_hot.sum(axis=0)[:, None]
        shares = (one_hot.T @ train + 1) / (counts + 2)
        scores = test @ (np.log(shares) - np.log1p(-shares)).T + np.log1p(-shares).sum(axis=1)
        predicted[:, place] = symbols[(scores + np.log(counts[:, 0])).argmax(axis=1)]
    return predicted


def exact_share(predicted: Array, wanted: Array) -> float:
    """How often a row is the wanted one, up to its `END`."""
    real = wanted != PAD
    assert (wanted[np.arange(len(wanted)), real.sum(axis=1) - 1] == END).all()
    return float(((predicted == wanted) | ~real).all(axis=1).mean())


def _as_wide(targets: Array, width: int) -> Array:
    """Targets cut or padded to a width."""
    padding = np.full((len(targets), max(width - targets.shape[1], 0)), PAD)
    return np.hstack([targets, padding])[:, :width]
