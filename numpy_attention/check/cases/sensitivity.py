"""That every feature of a case matters: take it away, and the result moves by far more than is allowed."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..pairs.calls import over
from ..reference.evaluation import results
from ..rounding.formats import Roundoff
from .cases import Case, Specification, draw_case
from .compare import ExpectedResults, expected_results

MIN_SENSITIVITY = 16.0
"""So many times what is allowed, at least, does the result move when a feature is taken away."""

TRIES = 8
"""So often are other numbers drawn where a feature does not matter enough."""


KEPT = 256
"""So many cases stay: a test suite asks for the same ones again and again. Candidates get copies."""


class ReferenceCase(NamedTuple):
    """A case, its reference, and for each feature by how many times the tolerance it matters."""

    case: Case
    expected: ExpectedResults
    sensitivities: dict[str, float]

    @property
    def weak(self) -> tuple[str, ...]:
        """The features that do not matter enough for anything to follow about them."""
        return tuple(name for name, ratio in self.sensitivities.items() if not ratio >= MIN_SENSITIVITY)


@lru_cache(maxsize=KEPT)
def reference_case(specification: Specification, roundoff: Roundoff) -> ReferenceCase:
    """The case of a specification, drawn again until every feature matters, or the best of the draws."""
    found = None
    for attempt in range(TRIES):
        case = draw_case(specification._replace(seed=specification.seed + 2 * attempt))
        right = expected_results(case.inputs, roundoff)
        proof = ReferenceCase(case, right, sensitivities(case, right))
        if not proof.weak:
            return proof
        if found is None or min(proof.sensitivities.values()) > min(found.sensitivities.values()):
            found = proof
    assert found is not None
    return found


def sensitivities(case: Case, right: ExpectedResults) -> dict[str, float]:
    """For each feature in use, the largest change without it, over what is allowed there.

    Where there is one key, or no query, nothing is asked of features: only the shape is tried there.
    """
    if case.key.shape[-2] < 2 or case.query.shape[-2] < 1:
        return {}
    return {feature: _largest_change(case, right, feature) for feature in case.features}


def _largest_change(case: Case, right: ExpectedResults, feature: str) -> float:
    without = case.without(feature)
    other = results(without.inputs)
    largest = 0.0
    for name, x, y in zip(right.values._fields, right.values, other, strict=True):
        if x is None or y is None or np.shape(x) != np.shape(y):
            continue
        with np.errstate(all="ignore"):
            moved = np.abs(np.asarray(x, dtype=float) - np.asarray(y, dtype=float))
            ratios = np.nan_to_num(over(moved, right.allowed(name)), nan=0.0, posinf=0.0)
        largest = max(largest, float(ratios.max(initial=0.0)))
    return largest
