"""The outcome of judging a candidate for a rule, from its cases."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..candidate.frameworks import CandidateArray
from ..cases.compare import FAIL, INCONCLUSIVE, PASS, Verdict
from ..referee.control import Control
from ..referee.findings import NOT_JUDGED, WRONG_DTYPE


class JudgedCase(NamedTuple):
    """A case, its call, the right results, the candidate's, and the verdicts; what NumPy warned of first."""

    case: Any
    call: Any
    expected: Any
    tensors: dict[str, CandidateArray]
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[str, ...] = ()
    declined: str = ""
    warned: str = ""

    @property
    def wrong(self) -> tuple[Verdict, ...]:
        """The verdicts FAIL."""
        return tuple(verdict for verdict in self.verdicts if verdict.verdict == FAIL)


class FailingCall(NamedTuple):
    """The simplest failing case: its wrong numbers, and the lines of Python that draw it again."""

    description: str
    verdicts: tuple[Verdict, ...]
    lines: tuple[str, ...]


def simplest_failure(rule: str, draw: str, seed: int, judged: Sequence[JudgedCase]) -> FailingCall | None:
    """Of the cases with wrong numbers, the one without option and with the fewest."""
    failing = [case for case in judged if case.wrong]
    if not failing:
        return None
    case = min(failing, key=lambda each: (bool(each.case.needs), each.call.d_out.size))
    index = f'{draw}("{rule}", FORMATS["{case.call.kept.name}"], {seed})[{case.case.number}]'
    imports = (f"from numpy_attention.check.outside.cases import {draw}",
               "from numpy_attention.check.rounding.formats import FORMATS")  # fmt: skip
    return FailingCall(case.case.name, case.wrong, (*imports, f"case = {index}"))


def outcome_of(judged: Sequence[JudgedCase], control: Control, dtypes: Mapping[str, str]) -> tuple[str, str]:
    """PASS, FAIL, WRONG DTYPE, INCONCLUSIVE or NOT JUDGED, and the reason."""
    verdicts = [verdict for case in judged for verdict in case.verdicts]
    tensors = list(dict.fromkeys(verdict.tensor for verdict in verdicts))
    wrong = [name for name in tensors if any(v.tensor == name and v.verdict == FAIL for v in verdicts)]
    problems = sum(len(case.problems) for case in judged)
    if wrong or problems:
        reasons = [f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong"] if wrong else []
        reasons += [f"{problems} problem{'s' if problems > 1 else ''}"] if problems else []
        return FAIL, " and ".join(reasons)
    if not verdicts:
        return NOT_JUDGED, "the candidate returned nothing that could be judged"
    if control.missed:
        return NOT_JUDGED, f"these cases miss the planted {', '.join(control.missed)}"
    passed = {verdict.tensor for verdict in verdicts if verdict.verdict == PASS}
    if unresolved := [name for name in tensors if name not in passed]:
        return INCONCLUSIVE, f"{', '.join(unresolved)} cannot be resolved in this precision"
    if dtypes:
        return WRONG_DTYPE, "; ".join(f"{name} is {dtype}, right otherwise" for name, dtype in dtypes.items())
    largest = max(verdict.ratio for verdict in verdicts)
    return PASS, f"{', '.join(tensors)} in {len(judged)} cases; largest error over bound {largest:.2f}"
