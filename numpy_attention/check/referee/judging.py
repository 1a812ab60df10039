"""Judge a candidate on one case: repeated calls, every number under its bound, dtypes, noise, laws."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..candidate.candidate import Candidate, CandidateOutput
from ..candidate.frameworks import CandidateArray, NumPy
from ..candidate.refusals import refusal
from ..candidate.sandbox import CandidateError
from ..cases.cases import Case
from ..cases.compare import FAIL, OWN, Verdict, compare_tensor, format_of
from ..cases.sensitivity import ReferenceCase
from ..cases.specification import Specification
from ..laws.laws import laws
from ..rounding.error_analysis import Precision
from ..rounding.formats import Format, Roundoff

CHECK = Path(__file__).parents[1]
"""The folder whose own frames a traceback leaves out."""

LONGEST_ERROR = 20_000
"""Characters of a traceback that are kept."""


class CaseJudgement(NamedTuple):
    """Results and verdicts on one case.

    Parameters
    ----------
    tensors, verdicts : the results by name, and the verdict on each that the reference has.
    problems : defects besides wrong numbers.
    noise : for each tensor that differs between runs, the difference over the bound.
    printed : what the candidate printed.
    declined : the reason if the candidate refuses the options of the case.
    dtypes : the results whose dtype is not the one asked for, with their own.
    error : the traceback of an exception.
    problems_under : the problems that are left under a coarser arithmetic, by its name, where they are fewer.
    drawn_from : for a sampled part of a large case, the specification of the whole.
    """

    tensors: dict[str, CandidateArray]
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[str, ...] = ()
    noise: Mapping[str, float] = MappingProxyType({})
    printed: str = ""
    declined: str = ""
    dtypes: Mapping[str, str] = MappingProxyType({})
    error: str = ""
    problems_under: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    drawn_from: Specification | None = None

    def problems_as(self, arithmetic: str) -> tuple[str, ...]:
        """The problems under a coarser arithmetic; "" for the run's own."""
        return self.problems_under.get(arithmetic, self.problems)


def judge_case(
    candidate: Candidate, reference: ReferenceCase, framework: NumPy, roundoff: Roundoff,
    repeat: int, timeout: float,
) -> CaseJudgement:  # fmt: skip
    """Call a candidate `repeat` times on a case and judge each tensor by its worst run."""
    runs: list[CandidateOutput] = []
    printed = ""
    for _ in range(max(1, repeat)):
        result = candidate.run(reference.case, framework, timeout)
        printed = printed or result.printed
        if result.error and (reason := refusal(candidate, reference.case, result, framework, timeout)):
            return CaseJudgement({}, declined=reason, printed=printed)
        if result.failure and not result.hung and 0 in reference.case.specification.shape:
            return CaseJudgement({}, declined=result.failure, printed=printed)  # empty arrays are optional
        if result.failure:
            error = full_error(result.error)
            return CaseJudgement({}, problems=(result.failure,), printed=printed, error=error)
        runs.append(result.value)
    tensors, problems = runs[0].tensors, list(runs[0].problems)
    dtypes = other_dtypes(tensors, reference.case.format, framework)
    verdicts, noise = [], {}
    for name in tensors:
        arrays = [run.tensors[name] for run in runs if name in run.tensors]
        of_runs = [judge_tensor(reference, name, array, framework, roundoff) for array in arrays]
        if not (known := [verdict for verdict in of_runs if verdict is not None]):
            continue
        worst = max(known, key=lambda verdict: verdict.badness)
        if worst.verdict == FAIL and any(verdict.ok for verdict in known):
            wrong = sum(not verdict.ok for verdict in known)
            problems.append(f"{name} is wrong in {wrong} of {len(known)} runs only: a race?")
        verdicts.append(worst)
        if (ratio := _noise(reference, name, [run.tensors[name].numbers for run in runs])) is not None:
            noise[name] = ratio
    return CaseJudgement(tensors, tuple(verdicts), tuple(problems), noise, printed, dtypes=dtypes)


def judge_tensor(
    reference: ReferenceCase, name: str, array: CandidateArray, framework: NumPy, roundoff: Roundoff
) -> Verdict | None:
    """The verdict on one tensor; None if the reference has no such tensor here."""
    right = getattr(reference.expected.values, name)
    if right is None:
        return None
    kept = result_format(name, array, framework, roundoff)
    right = np.asarray(right, dtype=np.float64)
    # lse of a fully masked row: +inf, -inf and the dtype's minimum are all in use
    skip: Array | None = np.isneginf(right) if name == "lse" else None
    bound = reference.expected.allowed(name, kept)
    return compare_tensor(reference.case.name, name, array.numbers, right, bound, kept, skip)


def result_format(name: str, array: CandidateArray, framework: NumPy, roundoff: Roundoff) -> Format:
    """Format that a result was rounded to: the run's; for lse and weights, their own dtype."""
    emulated = framework.dtype(roundoff.storage) != roundoff.storage.name
    if name not in OWN or emulated:
        return roundoff.storage
    return format_of(array.dtype, roundoff.storage)


def other_dtypes(tensors: Mapping[str, CandidateArray], kept: Format, framework: NumPy) -> dict[str, str]:
    """The results whose dtype is not that of the inputs, with their own.

    Exempt are all results of float8 inputs, which have no arithmetic, and gradients of single numbers.
    """
    expected = framework.dtype(kept)
    if kept.name.startswith("float8"):
        return {}
    return {
        name: array.dtype
        for name, array in tensors.items()
        if name not in OWN and array.dtype != expected and array.numbers.ndim
    }


def full_error(error: BaseException | None) -> str:
    """The traceback of a candidate's exception from its own first line on; "" of what is no exception."""
    if error is None or isinstance(error, CandidateError):
        return ""
    try:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if CHECK not in Path(frame.filename).parents]
        lines = [f'  File "{f.filename}", line {f.lineno}, in {f.name}\n    {f.line}\n' for f in own]
        lines += traceback.format_exception_only(error)
        return "".join(lines)[:LONGEST_ERROR].rstrip()
    except Exception:  # an exception that cannot be printed
        return type(error).__name__


def _noise(reference: ReferenceCase, name: str, numbers: list[Array]) -> float | None:
    """Largest difference between runs, over the bound; None if all runs agree to the bit."""
    first = numbers[0]
    if all(x.shape == first.shape and np.array_equal(x, first, equal_nan=True) for x in numbers):
        return None
    if any(x.shape != first.shape for x in numbers):
        return float("inf")
    with np.errstate(all="ignore"):
        difference = np.max([np.abs(x - first) for x in numbers], axis=0)
        ratios = np.where(difference > 0, difference / reference.expected.allowed(name), 0.0)
        return float(np.nan_to_num(ratios, nan=np.inf).max(initial=0.0))


def broken_laws(case: Case, tensors: Mapping[str, CandidateArray], roundoff: Roundoff) -> tuple[str, ...]:
    """The laws that a case's results break, by number and name."""
    numbers = {name: array.numbers for name, array in tensors.items()}
    options = ("bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")
    spec: dict[str, Any] = {n: case.options[n] for n in options if case.options.get(n) is not None}
    spec |= {name: numbers[name] for name in OWN if name in numbers}
    arithmetic = roundoff.arithmetic
    coarse: Precision = max(arithmetic.precision, arithmetic.operands or arithmetic.precision)
    spec |= dict(mask=case.mask, precision=coarse, storage=roundoff.storage.precision)
    grads = {name: x for name, x in numbers.items() if name.startswith("d_")}
    try:
        report = laws(case.query, case.key, case.value, numbers.get("out"), case.d_out, grads, spec)
    except (TypeError, ValueError):  # wrong shapes are reported by the verdicts
        return ()
    return tuple(dict.fromkeys(finding.check for finding in report.failures))
