"""The held-out part, a fifth of each class, and the validation part, both drawn from the seed."""

import numpy as np

from ..functional.base.admission import Array
from ..training.streams import EXAMPLES, VALIDATION, stream
from .classification.data import Data, Examples

SHARE, VALIDATION_SHARE = 0.2, 0.1
"""Of each class, held out; of the training part, where training stops early by it."""


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


def validation_rows(seed: int, size: int) -> tuple[Array, Array]:
    """The rows of a training part that remain to train on, and the tenth that validates.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    order = stream(seed, VALIDATION).permutation(size)
    count = max(round(VALIDATION_SHARE * size), 1)
    if size - count < 1:
        raise ValueError(f"the training part has {size} examples; patience needs two at least")
    return np.sort(order[count:]), np.sort(order[:count])
