"""Cases in which every feature matters: without it, results change by far more than the error bound."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..reference.evaluation import results
from ..reference.oracle import Results
from ..rounding.error_analysis import Bounded
from ..rounding.formats import Roundoff
from .cases import Case
from .compare import ExpectedResults, expected_results
from .drawing import draw_case
from .specification import JUDGED, OFFSETS, Specification

MIN_SENSITIVITY = 16.0
"""A feature matters if, without it, some result changes by this multiple of its error bound."""

COARSE_SCORES = 1e4
"""Scores whose own rounding in float32 leaves an error bound of a tenth of every weight: there, half of a
number matters if it exceeds the bound at all."""

FOUND = 1e9
"""The sensitivity where NaN appears without a feature, as where a mask hides it."""

TRIES = 2
"""Draws per specification, until every feature matters."""

KEPT, KEPT_NUMBERS = 256, 60_000
"""Cases in the cache, and the most numbers of one; candidates get copies."""


class ReferenceCase(NamedTuple):
    """A case, its reference, and the sensitivity of the results to each feature."""

    case: Case
    expected: ExpectedResults
    sensitivities: dict[str, float]

    @property
    def weak(self) -> tuple[str, ...]:
        """The features with too little effect to be judged."""
        return tuple(name for name, ratio in self.sensitivities.items() if not ratio >= MIN_SENSITIVITY)

    @property
    def resolved(self) -> tuple[str, ...]:
        """The tensors of which a number exceeds its bound so far that half of it matters."""
        coarse = abs(OFFSETS.get(self.case.specification.inputs, 0.0)) > COARSE_SCORES
        least = 2 * (1.0 if coarse else MIN_SENSITIVITY)
        return tuple(name for name in JUDGED if self._largest_ratio(name) > least)

    def hollow(self) -> "ReferenceCase":
        """The same description, its arrays zeros that take no memory."""
        case, right = self.case, self.expected
        arrays = {name: _hollow(getattr(case, name)) for name in ("query", "key", "value", "d_out")}
        options = {name: _hollow(x) for name, x in case.options.items()}
        values = Results(*map(_hollow, right.values))
        bounded = Results(*(None if x is None else Bounded(*map(_hollow, x)) for x in right.bounded))
        right = right._replace(values=values, bounded=bounded)
        return self._replace(case=case.rebuilt(**arrays, options=options), expected=right)

    def _largest_ratio(self, name: str) -> float:
        right = getattr(self.expected.values, name)
        if right is None:
            return 0.0
        with np.errstate(all="ignore"):
            ratios = np.abs(np.asarray(right, dtype=float)) / self.expected.allowed(name)
        return _largest_finite(ratios)


def _hollow(x: Any) -> Any:
    return np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, np.ndarray) else x


def reference_case(specification: Specification, roundoff: Roundoff) -> ReferenceCase:
    """The case of a specification, redrawn once if a feature does not matter; small ones are cached."""
    B, H, _, L, S, D, E = specification.shape
    if B * H * (L * S + (L + S) * (D + E)) > KEPT_NUMBERS:
        return _draw_reference(specification, roundoff)
    return _small_reference(specification, roundoff)


@lru_cache(maxsize=KEPT)
def _small_reference(specification: Specification, roundoff: Roundoff) -> ReferenceCase:
    return _draw_reference(specification, roundoff)


def _draw_reference(specification: Specification, roundoff: Roundoff) -> ReferenceCase:
    best = None
    for attempt in range(TRIES):
        case = draw_case(specification._replace(seed=specification.seed + 2 * attempt))
        right = expected_results(case, roundoff)
        drawn = ReferenceCase(case, right, sensitivities(case, right))
        if not drawn.weak:
            return drawn
        if best is None or len(drawn.weak) < len(best.weak):
            best = drawn
    assert best is not None
    return best


def sensitivities(case: Case, right: ExpectedResults) -> dict[str, float]:
    """The largest change of a result without each feature, as a multiple of its error bound.

    Empty with fewer than two keys, or no query: such a case tests shapes, not features.
    """
    if case.key.shape[-2] < 2 or case.query.shape[-2] < 1:
        return {}
    bounds = {name: right.allowed(name) for name, x in right.values._asdict().items() if x is not None}
    return {feature: _largest_change(case, right.values, bounds, feature) for feature in case.features}


def _largest_change(case: Case, right: Results, bounds: dict[str, Array], feature: str) -> float:
    without = results(case.without(feature))
    largest = 0.0
    for name, bound in bounds.items():
        x, y = getattr(right, name), getattr(without, name)
        if y is None or np.shape(x) != np.shape(y):
            continue
        with np.errstate(all="ignore"):
            change = np.abs(np.asarray(x, dtype=float) - np.asarray(y, dtype=float))
            largest = max(largest, _largest_finite(change / bound))
        if (np.isnan(y) & ~np.isnan(x)).any():
            largest = max(largest, FOUND)
    return largest


def _largest_finite(ratios: Array) -> float:
    """The largest finite ratio, 0 if there is none."""
    return float(ratios[np.isfinite(ratios)].max(initial=0.0))
