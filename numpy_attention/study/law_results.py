"""What the laws of a step read, and the result of checking one: both sides, and the worst entry."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..check.laws.law import Law, Sides
from ..check.pairs.differentiation import ALLOWED, EPS
from ..functional.base.admission import Array


@dataclass(frozen=True)
class StepEvidence:
    """What the laws of a step read.

    arrays : every array of a walk by name; a score's parameters as score.weight, score.d_weight.
    features : the active options, the score, and its activation if any.
    magnitude : the size of the numbers that led to the step's results.
    """

    arrays: dict[str, Any]
    features: frozenset[str]
    magnitude: float = 0.0

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def missing(self, need: str) -> str:
        """Reason why none of the features in `need`, joined by "or", is in use; "" if one is."""
        return "" if self.features & set(need.split(" or ")) else f"needs {need}"

    def allowed(self, size: Any) -> Array:
        """Tolerance on sides in which terms of this size cancel."""
        return np.asarray(ALLOWED * float(np.max(size, initial=0)) + 16 * EPS * self.magnitude)


StepLaw: TypeAlias = Law[StepEvidence]


class WorstEntry(NamedTuple):
    """One entry of a law's two sides: its place, the number of all entries, both numbers, and the excess."""

    place: tuple[int, ...]
    entries: int
    left: float
    right: float
    excess: float


class LawResult(NamedTuple):
    """A law evaluated on a walk's numbers, and the features in use with which it does not hold."""

    law: StepLaw
    sides: Sides
    excluded_by: list[str]

    @property
    def deviation(self) -> float:
        """The largest excess of one side over the other."""
        return float(np.max(self.sides.excess, initial=0))

    @property
    def worst(self) -> WorstEntry:
        """The entry with the largest deviation; of several, the one with the largest number."""
        left, right, excess = np.broadcast_arrays(self.sides.left, self.sides.right, self.sides.excess)
        if not left.size:
            return WorstEntry((), 0, 0.0, 0.0, 0.0)
        badness = np.where(np.isnan(excess), np.inf, excess)
        rank = np.lexsort((np.abs(left).ravel(), badness.ravel()))
        place = tuple(int(i) for i in np.unravel_index(rank[-1], left.shape))
        return WorstEntry(place, left.size, *(float(x[place]) for x in (left, right, excess)))

    @property
    def ok(self) -> bool:
        """True if the law holds, or active options exclude it."""
        return bool(self.excluded_by) or bool(self.deviation <= self.sides.allowed)


def check_step_laws(laws: tuple[StepLaw, ...], evidence: StepEvidence) -> tuple[LawResult, ...]:
    """Evaluate those laws of a step whose needs are met."""
    applicable = [law for law in laws if not any(map(evidence.missing, law.needs))]
    return tuple(
        LawResult(law, sides, law.breaking(evidence)) for law in applicable for sides in law.sides(evidence)
    )
