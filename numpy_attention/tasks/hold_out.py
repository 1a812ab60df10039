"""The held-out part: a fifth of each class, drawn from the seed."""

import numpy as np

from ..functional.base.admission import Array
from ..training.streams import EXAMPLES, stream
from .classification.data import Data, Examples

SHARE = 0.2


def held_out_rows(rng: np.random.Generator, y: Array) -> Array:
    """True for the examples held out (N,): a fifth of every class, at least one where there are two.

    Examples
    --------
    >>> y = np.repeat([0.0, 1.0, 2.0], [10, 5, 1])
    >>> held_out_rows(np.random.default_rng(0), y).reshape(2, 8).astype(int)
    array([[0, 0, 0, 0, 1, 0, 1, 0],
           [0, 0, 1, 0, 0, 0, 0, 0]])
    """
    held_out = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        count = max(round(SHARE * len(rows)), 1) if len(rows) > 1 else 0
        held_out[rows[:count]] = True
    return held_out


def split(
    examples: Examples,
    classes: tuple[str, ...],
    seed: int,
    columns: tuple[str, ...] = (),
    by_place: bool = False,
    label: str | None = None,
) -> Data:
    """The two parts of a task's data; for the other arguments see `Data`.

    Raises
    ------
    ValueError
        If no class has two examples, so that none can be held out.
    """
    held_out = held_out_rows(stream(seed, EXAMPLES), examples.y)
    if not held_out.any():
        raise ValueError("no class has two examples, so none can be held out; more data are needed")
    return Data(examples.some(~held_out), examples.some(held_out), classes, columns, by_place, label)
