"""The referee: a candidate judged on a profile of cases against an exact reference and derived bounds."""

import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from .candidate import Candidate
from .candidate_report import NOT_JUDGED, CandidateReport, Problem
from .control import Control, control
from .convention import convention
from .effective import effective, told
from .exploring import Explored, Limits, explore
from .formats import Roundoff, roundoff
from .judging import Judged, broken_laws, judge_case
from .oracle import Results
from .production import controls, draw_large, judge_large, large_specifications
from .profiles import profile as specifications
from .proof import Proved, proved
from .verdict import FAIL, INCONCLUSIVE, PASS, Verdict

LOOKED_AT = 3
"""So many cases tell what the arithmetic looks like."""


def check_candidate(
    function: Any,
    *,
    dtype: str = "float32",
    profile: str = "smoke",
    arithmetic: str | None = None,
    supports: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    layout: str = "BHLD",
    mask: str | None = None,
    causal: str | None = None,
    framework: str | None = None,
    device: str | None = None,
    head_dims: Iterable[int] = (),
    length_multiple: int = 1,
    shape: Iterable[int] | None = None,
    empty_rows: bool = True,
    forward_only: bool = False,
    repeat: int = 2,
    timeout: float = 60.0,
    seed: int = 0,
    name: str | None = None,
    faults: Iterable[Any] | None = None,
) -> CandidateReport:
    """Is this attention right, forward and gradients, and how do we know?

    Every case is compared with an exact reference, number by number, under a bound that is derived from the
    precision, the lengths and the magnitudes. Before anything passes, mistakes are planted in the reference
    on the same cases, and have to be caught.

    Parameters
    ----------
    function : a function of (query, key, value, **options) that returns the output, whose framework
        differentiates it; or one that takes d_out too and returns (output, gradients), these in the order
        query, key, value, bias, scale, sinks; or a pair (forward, backward) in this project's form. It may
        return a dict instead, with out, lse, weights, d_query, …
    dtype : of its inputs and results: float64, float32, float16, bfloat16, float8_e4m3, float8_e5m2.
    profile : "smoke", a few rich cases, or "full".
    arithmetic : what it computes in: float64, float32, tf32, float16, bfloat16, float8. If None, float64 for
        float64 and float32 for all else.
    supports : the options that it takes, by the names of `cases.OPTIONS`; read from its signature if None.
    names : its own names of options, {"sm_scale": "scale"}; common ones are known.
    layout : "BHLD" or "BLHD", the axes of query, key, value and output.
    mask : what it understands by a mask: "visible" (True = may attend), "hidden", or "additive".
    causal : where its diagonal lies if L != S: "top_left" or "bottom_right".
    framework, device : "numpy", "torch" or "jax", found out if None; and where torch's tensors shall lie.
    head_dims, length_multiple : the widths that it takes, and what its lengths must be multiples of.
    shape : B, H, G, L, S, D, and E if it is not D: this one size alone, by some rows exactly, and by the laws
        over all of it.
    empty_rows : whether to ask for queries that may attend to nothing; right is 0, and gradient 0.
    forward_only : judge the output alone.
    repeat : how often each case is run, to tell noise between runs from the rest.
    timeout : seconds that one call may take.
    seed : of all numbers.
    name : what the report calls it.
    faults : what to plant; those of `faults.FAULTS` if None.

    Returns
    -------
    CandidateReport
        `report.ok`, `print(report)`, `report.to_json()`.

    Raises
    ------
    TypeError, ValueError
        For a candidate that cannot be called, and words that are not known.

    Examples
    --------
    >>> from numpy_attention import attention_backward, attention_forward
    >>> check_candidate((attention_forward, attention_backward)).outcome
    'PASS'
    """
    began = time.monotonic()
    shape = None if shape is None else tuple(shape)
    said = convention(supports, names, layout, mask, causal)
    rounds = roundoff(dtype, arithmetic)
    candidate = Candidate(function, said, forward_only=forward_only)
    limits = Limits(tuple(head_dims), length_multiple, empty_rows, framework, device)
    explored = explore(candidate, limits, dtype, seed, timeout)
    if explored.reach.dtype != dtype:
        rounds = roundoff(explored.reach.dtype, arithmetic)
    name = name or str(getattr(candidate.function, "__name__", type(function).__name__))
    setting: dict[str, Any] = dict(
        framework=explored.framework.name, dtype=rounds.storage.name, arithmetic=rounds.name,
        profile=profile if shape is None else "shape " + ",".join(map(str, shape)), seed=seed,
        options=list(candidate.options),
    )  # fmt: skip
    if explored.failure:
        specifications(profile, explored.reach)  # refuses a profile that is not known
        problem = Problem("a first call", explored.failure)
        return CandidateReport(
            name, setting, FAIL, explored.failure, problems=(problem,),
            left_out=explored.left_out, seconds=time.monotonic() - began,
        )  # fmt: skip
    own = explored.framework
    proofs, found, controlled_on = [], [], []
    if shape is not None:
        for spec in large_specifications(shape, explored.reach):
            drawn = draw_large(spec)
            for proof, judged in judge_large(candidate, drawn, own, rounds, timeout):
                proofs.append(proof)
                found.append(judged)
            controlled_on += controls(drawn, rounds)
    else:
        proofs = [proved(spec, rounds) for spec in specifications(profile, explored.reach)]
        found = [judge_case(candidate, proof, own, rounds, repeat, timeout) for proof in proofs]
        controlled_on = proofs
    planted = import_module(".faults", __package__).FAULTS if faults is None else faults
    tensors = tuple(n for n in Results._fields if any(n in judged.tensors for judged in found))
    controlled = control(controlled_on, tensors, rounds, planted) if tensors else Control()
    report = CandidateReport(name, setting, NOT_JUDGED, "", control=controlled)
    return concluded(report, proofs, found, explored, rounds)._replace(seconds=time.monotonic() - began)


def concluded(
    report: CandidateReport, proofs: list[Proved], found: list[Judged], explored: Explored, rounds: Roundoff
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


def _weak(proofs: list[Proved]) -> tuple[str, ...]:
    """Features that are in use somewhere, and nowhere matter enough."""
    used = {name for proof in proofs for name in proof.matters}
    strong = {name for proof in proofs for name in proof.matters if name not in proof.weak}
    return tuple(sorted(used - strong))


def _tensors_left_out(pairs: list[tuple[Proved, Judged]]) -> dict[str, str]:
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


def assert_matches_reference(function: Any, **asked: Any) -> None:
    """`check_candidate` for a test suite: an AssertionError with the report, unless it passes.

    Parameters
    ----------
    function, asked : as in `check_candidate`.

    Examples
    --------
    >>> from numpy_attention import attention
    >>> assert_matches_reference(lambda query, key, value: 2 * attention(query, key, value))
    Traceback (most recent call last):
        ...
    AssertionError: ...
    """
    report = check_candidate(function, **asked)
    if not report.ok:
        raise AssertionError(str(report))


__all__ = ["Verdict", "assert_matches_reference", "check_candidate"]
