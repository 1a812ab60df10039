"""Counter-tests: how the answer and the task's figure change when the weights of a head are replaced.

permuted   in another order among the visible keys; of one example the mean of several draws
uniform    equal for all visible keys
removed    0: the head gives 0
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from ...nn.interventions import REMOVED, UNIFORM, Watch, in_heads, permuted
from ...training.run import LEARNED, Run
from ...training.task import larger_is_better, metric_of
from ...training.watching import watched
from .passes import Changes
from .readings import Subject

DRAWS = 10
"""Permutations of one example."""


class Changed(NamedTuple):
    """A number for each change."""

    permuted: float
    uniform: float
    removed: float


def each_change(number: Callable[[Pair], float]) -> Changed:
    """number(change) of each."""
    return Changed(*(number(change) for change in (permuted(seed=0), UNIFORM, REMOVED)))


def of_heads(change: Pair, heads: Sequence[int] | None) -> Pair:
    """The change of these heads, or of all."""
    return change if heads is None else in_heads(change, heads)


def answer_changes(reading: Subject, value: float, place: str, heads: Sequence[int] | None) -> Changed:
    """By how much what is explained rises from `value`, for each change."""
    repeated = [np.repeat(x[None], DRAWS, axis=0) for x in reading.inputs]

    def number(change: Pair) -> float:
        found = reading.forward({place: of_heads(change, heads)}, repeated).values
        return float(found.mean()) - value

    return each_change(number)


def figure(run: Run, examples: Any, changes: Changes) -> float:
    """The task's figure on examples, with changed weights."""
    changed = watched(run.objectives()[LEARNED], Watch(run.params, changes))
    return metric_of(run.task, changed.figures(run.params, examples))


def figure_losses(run: Run, examples: Any, before: float, place: str, heads: Sequence[int] | None) -> Changed:
    """How much worse than `before` the task's figure becomes, for each change."""
    sign = 1 if larger_is_better(run.task) else -1
    return each_change(
        lambda change: sign * (before - figure(run, examples, {place: of_heads(change, heads)}))
    )


def spread_rows(size: int, count: int) -> Array:
    """Up to `count` rows of `size`, evenly spread.

    Examples
    --------
    >>> spread_rows(9, 3), spread_rows(2, 3)
    (array([0, 4, 8]), array([0, 1]))
    """
    return np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int))
