"""Draw the conclusion from all judged cases: the finished report, its outcome and the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..cases.compare import FAIL, INCONCLUSIVE, PASS
from ..reference.oracle import Results
from ..rounding.formats import Roundoff
from .control import Control
from .coverage import Coverage, Judged, coverage_of
from .failing_case import simplest_failure
from .findings import COARSER, NOT_JUDGED, WRONG_DTYPE, CandidateProblem
from .judging import CaseJudgement, broken_laws
from .precision_guess import IN_WORDS, describe_guesses, finest_guesses
from .report import CandidateReport

PRECISION_CASES = 3
"""Cases from which the arithmetic is guessed."""


def conclude(
    name: str, setting: Mapping[str, Any], judged: Judged, control: Control, rounding: Roundoff, *,
    left_out: Mapping[str, str], notes: tuple[str, ...] = (), coarser: str = "", widths: Sequence[int] = (),
) -> CandidateReport:  # fmt: skip
    """The report on the judged cases, with its outcome and reason.

    Parameters
    ----------
    name, setting, control, left_out, notes : as in the report; setting["options"] are those offered.
    judged : every drawn case with its judgement.
    rounding : that of the run.
    coarser : the arithmetic under which all numbers are right, if it is not that of the run.
    widths : the head widths that were asked for.
    """
    coverage = coverage_of(judged)
    returned = [(reference, judgement.tensors) for reference, judgement in judged if judgement.tensors]
    guesses = finest_guesses(returned[:PRECISION_CASES], rounding)
    report = CandidateReport(
        name,
        dict(setting) | {"cases": len(judged), "options": list(coverage.options)},
        NOT_JUDGED,
        "",
        verdicts=tuple(verdict for _, judgement in judged for verdict in judgement.verdicts),
        problems=_merged_problems(judged, coarser),
        left_out=dict(left_out) | _unjudged(setting, coverage, widths) | _missing_gradients(judged),
        weak=_weak_features(judged),
        laws=_broken_laws(judged, rounding),
        precision=describe_guesses(guesses, rounding),
        control=control,
        notes=(*notes, *_notes([judgement for _, judgement in judged])),
        coverage=coverage,
        simplest=simplest_failure(judged),
        dtypes={n: dtype for _, judgement in judged for n, dtype in judgement.dtypes.items()},
        coarser=coarser,
        errors=tuple(dict.fromkeys(judgement.error for _, judgement in judged if judgement.error)),
    )
    outcome, reason = outcome_of(report)
    return report._replace(outcome=outcome, reason=reason)


def outcome_of(report: CandidateReport) -> tuple[str, str]:
    """The outcome, and the reason."""
    names = list(report.worst)
    wrong = [name for name, verdict in report.worst.items() if verdict.verdict == FAIL]
    if report.coarser and not report.problems:
        asked = report.setting["arithmetic"]
        reason = f"right as {IN_WORDS[report.coarser]}; judged as {IN_WORDS[asked]} it is not"
        if not report.setting.get("arithmetic_asked"):
            return COARSER, reason + _tail(report)
        return FAIL, f"{_are(wrong)} wrong: {reason}"
    if wrong or report.problems:
        counts = "{} of {}".format(*report.wrong)
        unit = report.coverage.unit + ("" if report.wrong[1] == 1 else "s")
        reasons = [f"{_are(wrong)} wrong in {counts} {unit}"] if wrong else []
        return FAIL, "; ".join([*reasons, *_problems_in_words(report, alone=not wrong)])
    if not report.verdicts:
        declined = f": {report.coverage.refusal}" if report.coverage.declined else ""
        return NOT_JUDGED, f"the candidate returned nothing that could be judged{declined}"
    if widths := [name for name in report.left_out if name.startswith("head width ")]:
        return NOT_JUDGED, f"{', '.join(widths)}: asked for, but in no case that ran"
    if report.control.missed:
        missed = _count(len(report.control.missed), "planted fault")
        return NOT_JUDGED, f"the control missed {missed}, so a PASS would prove nothing"
    if not report.control.caught:
        return NOT_JUDGED, "the control had no fault to catch, so a PASS would prove nothing"
    passed = {verdict.tensor for verdict in report.verdicts if verdict.verdict == PASS}
    if unresolved := [name for name in names if name not in passed]:
        return INCONCLUSIVE, f"{', '.join(unresolved)} cannot be resolved in this precision"
    if report.weak:
        return INCONCLUSIVE, f"no case is sensitive enough to judge {', '.join(report.weak)}"
    largest = max(verdict.ratio for verdict in report.verdicts)
    if report.dtypes:
        own = {d: [n for n, of in report.dtypes.items() if of == d] for d in report.dtypes.values()}
        dtypes = " and ".join(f"{_are(tensors)} {dtype}" for dtype, tensors in own.items())
        reason = f"right numbers, but {dtypes} where the inputs are {report.setting['dtype']}"
        return WRONG_DTYPE, reason + _tail(report)
    all_ran = "" if report.coverage.declined else f" in {report.coverage.cases}"
    return PASS, f"{', '.join(names)}{all_ran}{_tail(report)}; error/bound up to {largest:.2f}"


def _tail(report: CandidateReport) -> str:
    """What a verdict does not cover: the cases that were declined, the options that never ran alone."""
    limits = (report.coverage.refusal, report.coverage.never_alone)
    return "".join(f"; {limit}" for limit in limits if limit)


def _are(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _problems_in_words(report: CandidateReport, *, alone: bool) -> list[str]:
    """The first problem and the number of others; only their number beside wrong numbers."""
    problems = report.problems
    if not problems:
        return []
    if not alone:
        return [_count(len(problems), "problem")]
    others = [f"{_count(len(problems) - 1, 'other problem')}"] if len(problems) > 1 else []
    return [f"{problems[0].what} (in {problems[0].case})", *others]


def _unjudged(setting: Mapping[str, Any], coverage: Coverage, widths: Sequence[int]) -> dict[str, str]:
    """The options and widths that no case judged, with the reason."""
    left = {
        name: "only in cases that it declined" if name in coverage.refused else "in no case that ran"
        for name in setting.get("options", ())
        if name not in coverage.options
    }
    missing = [f"head width {width}" for width in widths if width not in coverage.widths]
    return left | dict.fromkeys(missing, "in no case that ran")


def _broken_laws(judged: Judged, rounding: Roundoff) -> dict[str, tuple[str, ...]]:
    """For each case with wrong numbers, the laws that it breaks."""
    broken = {
        reference.case.name: broken_laws(reference.case, judgement.tensors, rounding)
        for reference, judgement in judged
        if any(verdict.verdict == FAIL for verdict in judgement.verdicts)
    }
    return {case: laws for case, laws in broken.items() if laws}


def _merged_problems(judged: Judged, arithmetic: str) -> tuple[CandidateProblem, ...]:
    """One entry for each distinct problem, with its first case and the number of others."""
    cases: dict[str, list[str]] = {}
    for reference, judgement in judged:
        for problem in judgement.problems_as(arithmetic):
            cases.setdefault(problem, []).append(reference.case.name)
    return tuple(
        CandidateProblem(names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", problem)
        for problem, names in cases.items()
    )


def _weak_features(judged: Judged) -> tuple[str, ...]:
    """Features in use to which no case that ran is sensitive enough."""
    references = [reference for reference, judgement in judged if judgement.verdicts]
    used = {name for reference in references for name in reference.sensitivities}
    strong = {name for r in references for name in r.sensitivities if name not in r.weak}
    return tuple(sorted(used - strong))


def _missing_gradients(judged: Judged) -> dict[str, str]:
    """Gradients that the reference has and the candidate never returned; none at all without results."""
    returned = {name for _, judgement in judged for name in judgement.tensors}
    if not returned:
        return {}
    ran = [reference for reference, judgement in judged if judgement.tensors]
    expected = [
        name
        for name in Results._fields
        if name.startswith("d_") and any(getattr(p.expected.values, name) is not None for p in ran)
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
