"""Draw the conclusion from all judged cases: the finished report, its outcome and the reason."""

from collections.abc import Mapping
from typing import Any

from ..cases.compare import FAIL, INCONCLUSIVE, PASS
from ..cases.sensitivity import ReferenceCase
from ..reference.oracle import Results
from ..rounding.formats import Roundoff
from .control import Control
from .judging import CaseJudgement, broken_laws
from .precision_guess import describe_guesses, finest_guesses
from .report import NOT_JUDGED, CandidateProblem, CandidateReport

PRECISION_CASES = 3
"""Cases from which the arithmetic is guessed."""


def conclude(
    name: str, setting: Mapping[str, Any], judged: list[tuple[ReferenceCase, CaseJudgement]],
    control: Control, rounding: Roundoff, *, left_out: Mapping[str, str], notes: tuple[str, ...] = (),
) -> CandidateReport:  # fmt: skip
    """The report on the judged cases, with its outcome and reason."""
    verdicts = tuple(verdict for _, judgement in judged for verdict in judgement.verdicts)
    broken = {
        reference.case.name: broken_laws(reference.case, judgement.tensors, rounding)
        for reference, judgement in judged
        if any(verdict.verdict == FAIL for verdict in judgement.verdicts)
    }
    left_out = dict(left_out) | _missing_gradients(judged)
    left_out |= {f"the case {p.case.name!r}": f"declined: {j.declined}" for p, j in judged if j.declined}
    returned = [(reference, judgement.tensors) for reference, judgement in judged if judgement.tensors]
    guesses = finest_guesses(returned[:PRECISION_CASES], rounding)
    report = CandidateReport(
        name,
        dict(setting) | {"cases": len(judged)},
        NOT_JUDGED,
        "",
        verdicts=verdicts,
        problems=_merged_problems(judged),
        left_out=left_out,
        weak=_weak_features([reference for reference, _ in judged]),
        laws={case: laws for case, laws in broken.items() if laws},
        precision=describe_guesses(guesses, rounding),
        control=control,
        notes=(*notes, *_notes([judgement for _, judgement in judged])),
    )
    outcome, reason = outcome_of(report)
    return report._replace(outcome=outcome, reason=reason)


def outcome_of(report: CandidateReport) -> tuple[str, str]:
    """PASS, FAIL, INCONCLUSIVE or NOT JUDGED, and the reason."""
    worst = report.worst
    wrong = [name for name, verdict in worst.items() if verdict.verdict == FAIL]
    if wrong or report.problems:
        reasons = [f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong"] if wrong else []
        reasons += [_count(len(report.problems), "problem")] if report.problems else []
        return FAIL, " and ".join(reasons)
    if not report.verdicts:
        return NOT_JUDGED, "the candidate returned nothing that could be judged"
    if report.control.missed:
        missed = _count(len(report.control.missed), "planted fault")
        return NOT_JUDGED, f"the control missed {missed}, so a PASS would prove nothing"
    if not report.control.caught:
        return NOT_JUDGED, "the control had no fault to catch, so a PASS would prove nothing"
    passed = {verdict.tensor for verdict in report.verdicts if verdict.verdict == PASS}
    if unresolved := [name for name in worst if name not in passed]:
        return INCONCLUSIVE, f"{', '.join(unresolved)} cannot be resolved in this precision"
    if report.weak:
        return INCONCLUSIVE, f"no case is sensitive enough to judge {', '.join(report.weak)}"
    largest = max(verdict.ratio for verdict in report.verdicts)
    cases = _count(report.setting.get("cases", 0), "case")
    return PASS, f"{', '.join(worst)} in {cases}; largest error over bound {largest:.2f}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _merged_problems(judged: list[tuple[ReferenceCase, CaseJudgement]]) -> tuple[CandidateProblem, ...]:
    """One entry for each distinct problem, with its first case and the number of others."""
    cases: dict[str, list[str]] = {}
    for reference, judgement in judged:
        for problem in judgement.problems:
            cases.setdefault(problem, []).append(reference.case.name)
    return tuple(
        CandidateProblem(names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", problem)
        for problem, names in cases.items()
    )


def _weak_features(references: list[ReferenceCase]) -> tuple[str, ...]:
    """Features in use to which no case is sensitive enough."""
    used = {name for reference in references for name in reference.sensitivities}
    strong = {name for r in references for name in r.sensitivities if name not in r.weak}
    return tuple(sorted(used - strong))


def _missing_gradients(judged: list[tuple[ReferenceCase, CaseJudgement]]) -> dict[str, str]:
    """Gradients that the reference has and the candidate never returned; none at all without results."""
    returned = {name for _, judgement in judged for name in judgement.tensors}
    if not returned:
        return {}
    expected = [
        name
        for name in Results._fields
        if name.startswith("d_") and any(getattr(p.expected.values, name) is not None for p, _ in judged)
    ]
    missing = [name for name in expected if name != "d_scale" and name not in returned]
    return dict.fromkeys(missing, "no gradient returned")


def _notes(judgements: list[CaseJudgement]) -> tuple[str, ...]:
    notes = []
    noise: dict[str, float] = {}
    for judgement in judgements:
        for name, ratio in judgement.noise.items():
            noise[name] = max(ratio, noise.get(name, 0.0))
    if noise:
        ratios = ", ".join(f"{name} {ratio:.2g}" for name, ratio in noise.items())
        notes.append(f"results differ between runs; difference over bound: {ratios}")
    if printed := next((j.printed for j in judgements if j.printed.strip()), ""):
        notes.append(f"prints {printed.strip().splitlines()[0][:80]!r}")
    return tuple(notes)
