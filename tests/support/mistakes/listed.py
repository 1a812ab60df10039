"""Conditional mistakes from the referee's own table: every condition alone, and pairs drawn from a seed.

Each is wrong in one of the four results. What no call shows is left out: the cases that the covering array
could not make are named by `ConditionCoverage.impossible` and `unresolved`.
"""

import itertools
from collections.abc import Iterable

import numpy as np

from numpy_attention.check.cases.conditions import CONDITIONS

from .measure import RESULTS, Mistake


def singles() -> list[Mistake]:
    """Each condition with each result."""
    return [
        Mistake(one.name, tensor, lambda seen, one=one: one.holds(seen.specification))
        for one in CONDITIONS
        for tensor in RESULTS
    ]


def pairs(count: int, seed: int) -> list[Mistake]:
    """`count` pairs of different conditions, each with one result."""
    rng = np.random.default_rng(seed)
    every = list(itertools.combinations(range(len(CONDITIONS)), 2))
    chosen = [every[n] for n in rng.choice(len(every), count, replace=False)]
    return [_pair(one, other, str(rng.choice(RESULTS))) for one, other in chosen]


def _pair(one: int, other: int, tensor: str) -> Mistake:
    first, second = CONDITIONS[one], CONDITIONS[other]

    def holds(seen: object) -> bool:
        spec = seen.specification
        return first.holds(spec) and second.holds(spec)

    return Mistake(f"{first.name} & {second.name}", tensor, holds)


def not_shown(mistakes: Iterable[Mistake], left_out: Iterable[tuple[str, str, str]]) -> list[Mistake]:
    """The mistakes that stand in a coverage's list of what could not be met."""
    names = {(tensor, frozenset((one, other))) for tensor, one, other in left_out}
    return [m for m in mistakes if (m.tensor, frozenset(m.name.split(" & "))) in names]
