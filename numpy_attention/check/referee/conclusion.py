"""What follows from everything that was found of a candidate: the report, the outcome, and why."""

from ..candidate.capabilities import Explored
from ..cases.compare import FAIL, INCONCLUSIVE, PASS
from ..cases.sensitivity import ReferenceCase
from ..reference.oracle import Results
from ..rounding.formats import Roundoff
from .judging import Judged, broken_laws
from .precision_guess import effective, told
from .report import NOT_JUDGED, CandidateReport, Problem

LOOKED_AT = 3
"""So many cases tell what the arithmetic looks like."""


def concluded(
    report: CandidateReport,
    proofs: list[ReferenceCase],
    found: list[Judged],
    explored: Explored,
    rounds: Roundoff,
) -> CandidateReport:
    """Everything that was found, and what follows from it."""
    verdicts = tuple(verdict for judged in found for verdict in judged.verdicts)
    pairs = list(zip(proofs, found, strict=True))
    problems = tuple(Problem(proof.case.name, what) for proof, judged in pairs for what in judged.problems)
    failed = {v.case for v in verdicts if v.verdict == FAIL}
    broken = {
        proof.case.name: broken_laws(proof.case, judged.tensors, rounds)
        for proof, judged in pairs
        if proof.case.name in failed
    }
    left_out = dict(explored.left_out) | _tensors_left_out(pairs)
    left_out |= {f"the case {p.case.name!r}": f"declined: {j.declined}" for p, j in pairs if j.declined}
    returned = [(proof, judged.tensors) for proof, judged in pairs if judged.tensors]
    report = report._replace(
        setting=report.setting | {"cases": len(proofs)},
        verdicts=verdicts,
        problems=_once(problems),
        left_out=left_out,
        weak=_weak(proofs),
        laws={case: laws for case, laws in broken.items() if laws},
        precision=told(effective(returned[:LOOKED_AT], rounds), rounds) if returned else "",
        notes=(*explored.notes, *_notes(found)),
    )
    outcome, reason = outcome_of(report)
    return report._replace(outcome=outcome, reason=reason)


def outcome_of(report: CandidateReport) -> tuple[str, str]:
    """PASS, FAIL, INCONCLUSIVE or NOT JUDGED, and why."""
    worst = report.worst
    wrong = [name for name, verdict in worst.items() if verdict.verdict == FAIL]
    if wrong or report.problems:
        told = [f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong"] if wrong else []
        told += [f"{_count(len(report.problems), 'problem')}"] if report.problems else []
        return FAIL, " and ".join(told)
    if not report.verdicts:
        return NOT_JUDGED, "no number came back that could be judged"
    if report.control.missed:
        missed = _count(len(report.control.missed), "planted mistake")
        return NOT_JUDGED, f"the control missed {missed}, so nothing follows from what passed"
    if not report.control.caught:
        return NOT_JUDGED, "the control had nothing to catch, so nothing follows from what passed"
    unresolved = [
        name for name in worst if not any(v.verdict == PASS for v in report.verdicts if v.tensor == name)
    ]
    if unresolved:
        return INCONCLUSIVE, f"{', '.join(unresolved)} cannot be resolved in this precision"
    if report.weak:
        return INCONCLUSIVE, f"{', '.join(report.weak)} nowhere mattered enough to be judged"
    largest = max(verdict.ratio for verdict in report.verdicts)
    cases = _count(report.setting.get("cases", 0), "case")
    return PASS, f"{', '.join(worst)} in {cases}; largest error over bound {largest:.2f}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _once(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The same problem in many cases is told once, with how often."""
    cases: dict[str, list[str]] = {}
    for problem in problems:
        cases.setdefault(problem.what, []).append(problem.case)
    return tuple(
        Problem(of[0] if len(of) == 1 else f"{of[0]} and {len(of) - 1} more", what)
        for what, of in cases.items()
    )


def _weak(proofs: list[ReferenceCase]) -> tuple[str, ...]:
    """Features that are in use somewhere, and nowhere matter enough."""
    used = {name for proof in proofs for name in proof.sensitivities}
    strong = {name for proof in proofs for name in proof.sensitivities if name not in proof.weak}
    return tuple(sorted(used - strong))


def _tensors_left_out(pairs: list[tuple[ReferenceCase, Judged]]) -> dict[str, str]:
    """Gradients that the reference has, and the candidate never gave."""
    given = {name for _, judged in pairs for name in judged.tensors}
    if not given:
        return {}
    wanted = [
        name
        for name in Results._fields
        if name.startswith("d_") and any(getattr(p.expected.values, name) is not None for p, _ in pairs)
    ]
    arrays = [n for n in wanted if n != "d_scale"]
    return {name: "it gives none" for name in arrays if name not in given}


def _notes(found: list[Judged]) -> tuple[str, ...]:
    notes = []
    noise: dict[str, float] = {}
    for judged in found:
        for name, apart in judged.noise.items():
            noise[name] = max(apart, noise.get(name, 0.0))
    if noise:
        told = ", ".join(f"{name} by {apart:.2g}" for name, apart in noise.items())
        notes.append(f"not the same bits in every run; apart, over what is allowed: {told}")
    if printed := next((judged.printed for judged in found if judged.printed.strip()), ""):
        notes.append(f"it prints: {printed.strip().splitlines()[0][:80]!r}")
    return tuple(notes)
