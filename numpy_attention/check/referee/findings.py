"""What a run found: the fields of the report, and what follows from them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..cases.compare import FAIL, INCONCLUSIVE, Verdict
from .control import Control
from .coverage import Coverage
from .failing_case import FailingCase

NOT_JUDGED, COARSER, WRONG_DTYPE = "NOT JUDGED", "COARSER", "WRONG DTYPE"
"""The outcomes besides those of a tensor."""

EMPTY: Mapping[str, Any] = MappingProxyType({})


class CandidateProblem(NamedTuple):
    """A defect besides wrong numbers: an exception, a changed input, …"""

    case: str
    what: str


class Findings(NamedTuple):
    """The verdict on a candidate, and all that led to it; `CandidateReport` prints it.

    Parameters
    ----------
    name : of the candidate.
    setting : framework, dtype, arithmetic, profile, cases, seed, ….
    outcome : "PASS"; "FAIL"; "WRONG DTYPE", right numbers in another dtype than that of the inputs;
        "COARSER", right numbers of a coarser arithmetic than the default; "INCONCLUSIVE"; "NOT JUDGED".
    reason : for that outcome, in one sentence.
    verdicts : one for each tensor of each case.
    problems : defects besides wrong numbers.
    left_out : options, shapes and tensors that were not judged, each with the reason.
    weak : features to which no case is sensitive enough for a verdict.
    laws : for each case with wrong numbers, the laws that it breaks.
    precision : the apparent arithmetic.
    control : the planted faults, caught and missed.
    notes : printed output, noise between runs, ….
    seconds : duration.
    diagnosis : the mistake that explains wrong numbers, in one sentence; "" if none was found.
    coverage : the cases that ran, the options and widths in them, and what was declined.
    simplest : the simplest failing case.
    dtypes : the results in another dtype than that of the inputs, with their own.
    coarser : the arithmetic under which all numbers are right, if that is not the run's.
    errors : the tracebacks of the candidate's exceptions, each once.
    versions : of numpy_attention, numpy, the framework and Python; the machine.
    """

    name: str
    setting: dict[str, Any]
    outcome: str
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[CandidateProblem, ...] = ()
    left_out: Mapping[str, str] = EMPTY
    weak: tuple[str, ...] = ()
    laws: Mapping[str, tuple[str, ...]] = EMPTY
    precision: str = ""
    control: Control = Control()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    diagnosis: str = ""
    coverage: Coverage = Coverage()
    simplest: FailingCase | None = None
    dtypes: Mapping[str, str] = EMPTY
    coarser: str = ""
    errors: tuple[str, ...] = ()
    versions: Mapping[str, str] = EMPTY

    @property
    def worst(self) -> dict[str, Verdict]:
        """For each tensor, its verdict with the largest error over bound, FAIL before all others."""
        worst: dict[str, Verdict] = {}
        for verdict in self.verdicts:
            before = worst.get(verdict.tensor)
            if before is None or _severity(verdict) > _severity(before):
                worst[verdict.tensor] = verdict
        return worst

    @property
    def wrong(self) -> tuple[int, int]:
        """The number of cases with a wrong tensor, and of cases with a verdict."""
        cases = [(verdict.case, verdict.verdict) for verdict in self.verdicts]
        return len({case for case, verdict in cases if verdict == FAIL}), len({case for case, _ in cases})

    @property
    def broken(self) -> tuple[str, ...]:
        """The laws broken in any case, in order of their numbers."""
        broken = {law for laws in self.laws.values() for law in laws}
        return tuple(sorted(broken, key=lambda law: (int(law.split()[1].rstrip(",:")), law)))


def _severity(verdict: Verdict) -> tuple[bool, bool, float]:
    """Sort key: FAIL is worst, INCONCLUSIVE least; then by error over bound."""
    return verdict.verdict == FAIL, verdict.verdict != INCONCLUSIVE, verdict.ratio
