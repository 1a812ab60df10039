"""A candidate on one case: called, timed, compared number by number, and held against the laws if wrong."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..candidate.candidate import Candidate, Outcome
from ..candidate.frameworks import NumPy, Taken
from ..candidate.sandbox import run
from ..cases.cases import Case
from ..cases.compare import FAIL, OWN, Verdict, compare_tensor, format_of
from ..cases.sensitivity import ReferenceCase
from ..laws.laws import laws
from ..rounding.error_analysis import Precision
from ..rounding.formats import Format, Roundoff


class Judged(NamedTuple):
    """What a case came to; `declined` says that the candidate does not take these options together."""

    tensors: dict[str, Taken]
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[str, ...] = ()
    noise: Mapping[str, float] = MappingProxyType({})
    printed: str = ""
    declined: str = ""


def judge_case(
    candidate: Candidate,
    proof: ReferenceCase,
    framework: NumPy,
    roundoff: Roundoff,
    repeat: int,
    timeout: float,
) -> Judged:
    """Call a candidate `repeat` times on a case, and judge what came back."""
    runs: list[Outcome] = []
    printed = ""
    for _ in range(max(1, repeat)):
        ran = run(partial(candidate.call, proof.case, framework), timeout)
        printed = printed or ran.printed
        if isinstance(ran.error, NotImplementedError):
            return Judged(
                {}, declined=" ".join(str(ran.error).split()) or "NotImplementedError", printed=printed
            )
        if ran.told and not ran.hung and 0 in proof.case.specification.shape:
            return Judged({}, declined=ran.told, printed=printed)  # no numbers, and none came back
        if ran.told:
            return Judged({}, problems=(ran.told,), printed=printed)
        runs.append(ran.value)
    tensors, problems = runs[0].tensors, list(runs[0].problems)
    problems += wrong_dtypes(tensors, proof.case.format, framework)
    verdicts, noise = [], {}
    for name in tensors:
        of_runs = [judge_tensor(proof, name, run.tensors[name], framework, roundoff)
                   for run in runs if name in run.tensors]  # fmt: skip
        found = [verdict for verdict in of_runs if verdict is not None]
        if not found:
            continue
        worst = max(found, key=lambda verdict: verdict.badness)
        if worst.verdict == FAIL and any(verdict.ok for verdict in found):
            wrong = sum(not verdict.ok for verdict in found)
            problems.append(
                f"{name} is wrong in {wrong} of {len(found)} runs, and right in the others: a race?"
            )
        verdicts.append(worst)
        if (apart := _noise(proof, name, [run.tensors[name].numbers for run in runs])) is not None:
            noise[name] = apart
    return Judged(tensors, tuple(verdicts), tuple(problems), noise, printed)


def judge_tensor(
    proof: ReferenceCase, name: str, taken: Taken, framework: NumPy, roundoff: Roundoff
) -> Verdict | None:
    """One tensor against its bound; None if the reference has no such tensor here."""
    right = getattr(proof.expected.values, name)
    if right is None:
        return None
    kept = kept_in(name, taken, framework, roundoff)
    right = np.asarray(right, dtype=np.float64)
    skip: Array | None = (
        np.isneginf(right) if name == "lse" else None
    )  # +inf, -inf, the minimum: all are used
    bound = proof.expected.allowed(name, kept)
    return compare_tensor(proof.case.name, name, taken.numbers, right, bound, kept, skip)


def kept_in(name: str, taken: Taken, framework: NumPy, roundoff: Roundoff) -> Format:
    """The format of a result: the run's, but for what may have one of its own."""
    emulated = framework.dtype(roundoff.storage) != roundoff.storage.name
    if name not in OWN or emulated:
        return roundoff.storage
    return format_of(taken.dtype, roundoff.storage)


def wrong_dtypes(tensors: Mapping[str, Taken], kept: Format, framework: NumPy) -> list[str]:
    """Output and gradients have the dtype of the inputs; float8 has no arithmetic, and may become another.

    The gradient of one number may be of any dtype.
    """
    wanted = framework.dtype(kept)
    if kept.name.startswith("float8"):
        return []
    return [
        f"{name} is {taken.dtype}; {wanted} went in, and is expected back"
        for name, taken in tensors.items()
        if name not in OWN and taken.dtype != wanted and taken.numbers.ndim
    ]


def _noise(proof: ReferenceCase, name: str, numbers: list[Array]) -> float | None:
    """By how much of its bound a tensor differs between runs; None if it has the same bits."""
    first = numbers[0]
    if all(x.shape == first.shape and np.array_equal(x, first, equal_nan=True) for x in numbers):
        return None
    if any(x.shape != first.shape for x in numbers):
        return float("inf")
    with np.errstate(all="ignore"):
        apart = np.max([np.abs(x - first) for x in numbers], axis=0)
        bound = proof.expected.allowed(name)
        return float(np.nan_to_num(np.where(apart > 0, apart / bound, 0.0), nan=np.inf).max(initial=0.0))


def broken_laws(case: Case, tensors: Mapping[str, Taken], roundoff: Roundoff) -> tuple[str, ...]:
    """The laws that a case's arrays break, by number and name."""
    numbers = {name: taken.numbers for name, taken in tensors.items()}
    known = {name: case.options.get(name) for name in
             ("bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")}  # fmt: skip
    spec: dict[str, Any] = {name: x for name, x in known.items() if x is not None}
    spec |= {name: numbers[name] for name in OWN if name in numbers}
    arithmetic = roundoff.arithmetic
    coarse: Precision = max(arithmetic.precision, arithmetic.operands or arithmetic.precision)
    spec |= dict(mask=case.mask, precision=coarse, storage=roundoff.storage.precision)
    grads = {name: x for name, x in numbers.items() if name.startswith("d_")}
    try:
        report = laws(case.query, case.key, case.value, numbers.get("out"), case.d_out, grads, spec)
    except (TypeError, ValueError):  # shapes that do not fit say so themselves
        return ()
    return tuple(dict.fromkeys(finding.check for finding in report.failures))
