"""Choose few cases that meet every pair of conditions: a covering array, drawn from a seed.

A pair is met for a tensor by a case in which both conditions hold and matter: an option changes a result, and
the tensor is resolved, each by MIN_SENSITIVITY times the error bound. Each round takes an unmet pair, draws
specifications that should meet it, and keeps the one that should meet most unmet pairs.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from .capabilities import Capabilities
from .conditions import CONDITIONS, LEVELS, Condition, factor_of
from .drafts import AXES, drafts, scores_of, supported_levels, tensors_of
from .sensitivity import ReferenceCase
from .specification import EXTRAS, JUDGED, OPTIONS, Specification

DRAWS = 24
"""Specifications from which the best is chosen in a round."""

ROUNDS = 3
"""Rounds before a pair is given up, because the cases drawn for it do not resolve it."""

USUAL_SCORES = 2e4
"""Scores beyond which a case must meet more pairs to be chosen."""

FRESH = 3.0
"""The weight of a length, width or number that no case has yet, against that of an unmet pair."""

UNLIKELY = 0.1
"""The weight of a case with options that the candidate declined together."""

FREE = 250
"""Cases drawn at the end of "full" for such numbers alone."""

IDLE_FORMS = {"mask all true", "window wider than the keys", "window right only", "sinks -inf"}
"""Conditions that hold though the option changes nothing."""


class ConditionCoverage:
    """The pairs of conditions that are met for each tensor, and those that could not be."""

    def __init__(self, *, pairs: bool) -> None:
        n = len(CONDITIONS)
        wanted = np.tri(n, dtype=bool) if pairs else np.eye(n, dtype=bool)
        self.pairs = pairs
        self.unmet = np.repeat(wanted[None], len(JUDGED), axis=0)
        self.sizes: set[tuple[str, str, Any]] = set()
        """A tensor, a factor of AXES, and a level of it that a case has."""
        self.impossible: list[tuple[str, str, str]] = []
        """A tensor and two conditions, or one twice, that no specification of the candidate meets."""
        self.unresolved: list[tuple[str, str, str]] = []
        """Those that no case drawn for them resolves, or that the candidate declined."""
        self.declined: set[frozenset[str]] = set()
        """The options of cases that the candidate declined."""

    def mark(self, reference: ReferenceCase) -> None:
        """Count what a case meets that has been judged."""
        spec = reference.case.specification
        judged = {*tensors_of(spec)} & {*reference.resolved}
        held = holding(spec, reference.weak)
        for name in judged:
            self.unmet[JUDGED.index(name)][np.ix_(held, held)] = False
            self.sizes |= _sizes(spec, name)

    def gain(self, spec: Specification) -> float:
        """The unmet pairs that a specification should meet, fewer counted for a large case."""
        held = holding(spec)
        names = tensors_of(spec)
        met = sum(self.unmet[JUDGED.index(name)][np.ix_(held, held)].sum() for name in names)
        fresh = sum(len(_sizes(spec, name) - self.sizes) for name in names) if self.pairs else 0
        refused = any(options and options <= {*spec.options} for options in self.declined)
        weight = UNLIKELY if refused else 1.0
        return weight * float(met + FRESH * fresh) / (1 + scores_of(spec.shape) / USUAL_SCORES)

    def give_up(self, one: int, other: int, reasons: list[tuple[str, str, str]]) -> None:
        """Record a pair that cannot be met, and want it no more."""
        for t in np.flatnonzero(self.unmet[:, one, other]):
            reasons.append((JUDGED[t], CONDITIONS[one].name, CONDITIONS[other].name))
        self.unmet[:, one, other] = False


@lru_cache(maxsize=4 * DRAWS)
def holding(spec: Specification, weak: tuple[str, ...] = ()) -> Array:
    """True for each of CONDITIONS that a specification meets, those on options without effect aside."""
    value = {factor: factor_of(spec, factor) for factor in LEVELS}
    idle = spec.without_effect | {*weak}
    met = {factors: _tested(factors, tuple(value[factor] for factor in factors)) for factors in _TOGETHER}
    held = np.array([met[factors][place] for factors, place in _PLACES])
    held[[n for n, feature in enumerate(_FEATURES) if feature in idle]] = False
    return held


@lru_cache(maxsize=2**14)
def _tested(factors: tuple[str, ...], values: tuple[Any, ...]) -> tuple[bool, ...]:
    """The tests of the conditions on these factors, at these values."""
    return tuple(bool(condition.test(*values)) for condition in _TOGETHER[factors])


def _sizes(spec: Specification, tensor: str) -> set[tuple[str, str, Any]]:
    """The levels of the axes of a specification, each with a tensor."""
    return {(tensor, factor, factor_of(spec, factor)) for factor in AXES}


def _feature(condition: Condition) -> str:
    """The feature of a case that a condition is on, if any."""
    if condition.name == "1 < G < H":
        return "groups"
    (factor, *_) = condition.factors
    return factor if factor in (*OPTIONS, *EXTRAS) and condition.name not in IDLE_FORMS else ""


_FEATURES = tuple(map(_feature, CONDITIONS))

_TOGETHER: dict[tuple[str, ...], list[Condition]] = {}
"""The conditions on the same factors."""

for _condition in CONDITIONS:
    _TOGETHER.setdefault(_condition.factors, []).append(_condition)

_PLACES = [(each.factors, _TOGETHER[each.factors].index(each)) for each in CONDITIONS]
"""Where each condition is among them."""


def cover(
    coverage: ConditionCoverage,
    supported: Capabilities,
    reference: Callable[[Specification], ReferenceCase],
) -> Iterator[ReferenceCase]:
    """The cases that should meet what is unmet, one after another. Whoever judges a case marks it."""
    rng = random.Random(supported.seed)
    levels = supported_levels(supported)
    for one, other in _shuffled(np.argwhere(coverage.unmet.any(axis=0)), rng):
        wanted = (CONDITIONS[one], CONDITIONS[other])
        for _ in range(ROUNDS):
            if not coverage.unmet[:, one, other].any():
                break
            drawn = drafts(wanted, levels, supported, rng, DRAWS)
            missing = {JUDGED[t] for t in np.flatnonzero(coverage.unmet[:, one, other])}
            fitting = [spec for spec in drawn if missing & {*tensors_of(spec)}
                       and holding(spec)[[one, other]].all()]  # fmt: skip
            if not fitting:
                coverage.give_up(one, other, coverage.impossible)
                break
            yield reference(max(fitting, key=coverage.gain))
        coverage.give_up(one, other, coverage.unresolved)
    for _ in range(FREE if coverage.pairs else 0):
        if drawn := drafts((), levels, supported, rng, DRAWS):
            yield reference(max(drawn, key=coverage.gain))


def _shuffled(indices: Array, rng: random.Random) -> Iterable[tuple[int, int]]:
    order = [(int(one), int(other)) for one, other in indices]
    rng.shuffle(order)
    return order
