"""Judge a candidate on a profile of cases, against the exact reference and derived error bounds."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np

from ...functional.base.admission import explained, real_number
from ...functional.base.wording import brief, counted
from ..candidate.candidate import Candidate
from ..candidate.capabilities import Constraints, ProbeResult, probe
from ..candidate.conventions import checked_convention
from ..candidate.frameworks import NumPy
from ..candidate.process_state import random_states_kept
from ..cases.compare import FAIL
from ..cases.conditions import CONDITIONS
from ..cases.covering import ConditionCoverage
from ..cases.profiles import references
from ..cases.sensitivity import ReferenceCase
from ..rounding.formats import Roundoff, roundoff
from .conclusion import conclude
from .control import Control, Planted, run_control
from .coverage import Judged
from .diagnosis.diagnose import diagnose
from .findings import NOT_JUDGED, CandidateProblem
from .judging import CaseJudgement, full_error, judge_case
from .large_shapes import control_cases, draw_large, judge_large, large_specifications
from .precision_guess import explaining_arithmetic
from .progress import Ticker
from .report import CandidateReport
from .versions import source_of, versions

REPEATED = KEPT = 64
"""Cases that are run `repeat` times, and kept to plant faults in; the rest of "full" runs once, and of its
cases only those with a defect are kept."""


@explained
@random_states_kept()
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
    always: str | None = None,
    square: bool = False,
    groups: bool = True,
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
    budget: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> CandidateReport:
    """Judge an attention, forward and gradients, and justify the verdict.

    Every number of every case is compared with an exact reference, under an error bound derived from the
    precision, the lengths and the magnitudes. Before anything passes, faults are planted in the reference on
    the cases that were judged, and must be caught.

    Parameters
    ----------
    function : a function of (query, key, value, **options) that returns the output, and is differentiated by
        its framework; or one that also takes d_out and returns (output, gradients), in the order query, key,
        value, bias, scale, sinks; or a pair (forward, backward) in this project's form. It may instead return
        a dict with out, lse, weights, d_query, …. Or its address, "my_kernel.py:attention", "package:name",
        or a name of something installed, "torch.sdpa": then it is judged in a process of its own, and may
        crash, exit, hang or use up memory.
    dtype : of inputs and results: float64, float32, float16, bfloat16, float8_e4m3, float8_e5m2.
    profile : "simple" has each option alone, "smoke" meets every condition that kernels branch on
        (`check/cases/conditions.py`), "full" every pair of them that can go together.
    arithmetic : that of the computation: float64, float32, tf32, float16, bfloat16, float8. If None, float64
        for float64 and float32 for the rest; a candidate that is right as a coarser one is then COARSER.
    supports : the options it takes, by the names of `cases.OPTIONS`; read from its signature if None.
    names : its own parameter names, {"sm_scale": "scale"}; common ones are known.
    layout : the axes of query, key, value and output: "BHLD", "BLHD", "BLC" (all heads in one axis, their
        number in a parameter), "NLD" (batch and heads in one axis) or "HLD" (one batch entry).
    mask : meaning of its mask: "visible" (True = may attend), "hidden", "additive"; or of keys (B, S),
        "padding" (True = padding) or "real_keys".
    causal : alignment of its diagonal if L != S: "top_left" or "bottom_right".
    always : "causal" or "window(LEFT,RIGHT)", if every call of the candidate is so and no option says it.
    square, groups : True if it takes L = S alone; False if it takes no grouped heads.
    framework, device : "numpy", "torch", "jax", or "emulated" (NumPy's float32 for dtypes that it lacks),
        detected if None; and the device of torch's tensors.
    head_dims, length_multiple : the widths it accepts, and a factor that all its lengths must have.
    shape : B, H, G, L, S, D and, if it differs from D, E: judge this size alone, sampled rows exactly and the
        whole by the laws.
    empty_rows : include fully masked rows; their output and gradients must be 0.
    forward_only : judge the output alone.
    repeat : runs of each case, to tell noise between runs from errors.
    timeout : seconds for one call.
    seed : of all random numbers.
    name : the candidate's name in the report.
    faults : the faults to plant; those of `faults.FAULTS` if None.
    budget : seconds after which no further case is drawn; the report says what was not reached.
    progress : called with a line of text every few seconds.

    Returns
    -------
    CandidateReport
        `report.ok`, `print(report)`, `report.to_json()`.

    Raises
    ------
    TypeError, ValueError
        For a candidate that cannot be called, or an unknown name or value of an argument.

    Examples
    --------
    >>> from numpy_attention import attention_backward, attention_forward
    >>> check_candidate((attention_forward, attention_backward), profile="simple").outcome
    'PASS'
    """
    if isinstance(function, str):
        options = {name: x for name, x in locals().items() if name != "function"}
        report = import_module(".supervised", __package__).check_in_child(function, options)
        return cast(CandidateReport, report)
    start = time.monotonic()
    shape = None if shape is None else tuple(shape)
    head_dims = tuple(head_dims)
    _check_numbers(timeout, budget, head_dims, repeat=repeat, length_multiple=length_multiple, seed=seed)
    convention = checked_convention(supports, names, layout, mask, causal, always, square, groups)
    rounding = roundoff(dtype, arithmetic)
    candidate = Candidate(function, convention, forward_only=forward_only)
    constraints = Constraints(head_dims, length_multiple, empty_rows, framework, device)
    probed = probe(candidate, constraints, dtype, seed, timeout)
    own, capabilities = probed.framework, probed.capabilities
    _check_dtype(dtype, probed)
    name = name or str(getattr(candidate.function, "__name__", type(function).__name__))
    setting: dict[str, Any] = dict(
        framework=own.name, dtype=rounding.storage.name, arithmetic=rounding.name,
        profile=profile if shape is None else "shape " + ",".join(map(str, shape)), seed=seed,
        options=list(capabilities.options), arithmetic_asked=arithmetic is not None, layout=layout, mask=mask,
        causal=causal, always=always, square=square, names=dict(convention.names), device=device,
        source=source_of(candidate.function),
    )  # fmt: skip
    made: dict[str, Any] = {"versions": versions(own.name)}
    if probed.failure:
        references(profile, capabilities, rounding)  # raises for an unknown profile
        report = _of_no_result(CandidateReport(name, setting, FAIL, probed.failure), probed, candidate.notes)
        return report._replace(seconds=time.monotonic() - start, **made)
    ticker = Ticker(progress)
    if shape is None:
        judged, unmet = _judge_profile(candidate, profile, probed, rounding, repeat, timeout, budget, ticker)
        probed = probed._replace(left_out=probed.left_out | unmet)
        planted = judged_tensors(judged[:KEPT])
    else:
        judged, planted = _judge_shape(candidate, shape, probed, rounding, timeout, ticker)
    faults = tuple(import_module("..faults", __package__).FAULTS if faults is None else faults)
    ticker.tell("planting faults in the reference")

    def plant(cases: Sequence[Planted], rounding: Roundoff) -> tuple[Control, dict[str, str]]:
        control = run_control(cases, rounding, faults)
        if shape is None or not control.missed:
            return control, {}
        return _excuse_hidden_faults(control, probed, cases, rounding, faults)

    control, hidden = plant(planted, rounding)
    coarser = explaining_arithmetic(judged, rounding, own, lambda *coarser: plant(*coarser)[0])
    report = conclude(
        name, setting, judged, control, rounding, left_out=probed.left_out | hidden, coarser=coarser,
        notes=(*probed.notes, *candidate.notes), widths=head_dims if shape is None else (),
    )  # fmt: skip
    if report.outcome == FAIL:
        ticker.tell("looking for the mistake")
        report = report._replace(diagnosis=_diagnosis(judged, rounding, own, time.monotonic() - start))
    return report._replace(seconds=time.monotonic() - start, **made)


def _diagnosis(judged: Judged, rounding: Roundoff, framework: NumPy, seconds: float) -> str:
    """The mistake behind wrong numbers, looked for as long as the check itself took."""
    faults = import_module("..faults", __package__).FAULTS
    conditions = [(each.name, each.holds) for each in CONDITIONS]
    return diagnose(judged, rounding, framework, faults, conditions, seconds)


def _of_no_result(report: CandidateReport, probed: ProbeResult, notes: Sequence[str]) -> CandidateReport:
    """The report on a candidate whose first call raised: not judged if it declines, else a problem."""
    errors = tuple(filter(None, [full_error(probed.error)]))
    report = report._replace(left_out=probed.left_out, notes=tuple(notes), errors=errors)
    if probed.not_implemented:
        return report._replace(outcome=NOT_JUDGED, reason=f"the first call {report.reason}")
    return report._replace(problems=(CandidateProblem("a first call", report.reason),))


def _check_dtype(dtype: str, probed: ProbeResult) -> None:
    """Raise ValueError if the candidate gets another dtype than was asked for."""
    if probed.capabilities.dtype != dtype:
        other = probed.capabilities.dtype
        hint = "; set JAX_ENABLE_X64=1" if probed.framework.name == "jax" else ""
        raise ValueError(f"dtype is {dtype!r}, but {probed.framework.name} gives the candidate {other}{hint}")


def judged_tensors(judged: Judged) -> list[Planted]:
    """The cases with results, each with the names of the results that were judged there."""
    return [(p, [v.tensor for v in judgement.verdicts]) for p, judgement in judged if judgement.verdicts]


def _check_numbers(timeout: float, budget: float | None, head_dims: Sequence[int], **numbers: int) -> None:
    """Raise ValueError for a number out of range."""
    for name, seconds in dict(timeout=timeout, budget=1.0 if budget is None else budget).items():
        if not real_number(name, seconds) > 0:
            raise ValueError(f"{name} is {seconds!r}; a number of seconds above 0 is expected")
    for name, number in [*numbers.items(), *(("head_dims", width) for width in head_dims)]:
        least, whole = int(name != "seed"), isinstance(number, int | np.integer)
        if not whole or isinstance(number, bool) or number < least:
            raise ValueError(f"{name} is {brief(number)}; a whole number, at least {least}, is expected")


def _has_defect(judgement: CaseJudgement) -> bool:
    return bool(judgement.problems) or any(verdict.verdict == FAIL for verdict in judgement.verdicts)


def _judge_profile(
    candidate: Candidate, profile: str, probed: ProbeResult, rounding: Roundoff, repeat: int, timeout: float,
    budget: float | None, ticker: Ticker,
) -> tuple[list[tuple[ReferenceCase, CaseJudgement]], dict[str, str]]:  # fmt: skip
    """The judgements of a profile's cases, and what none of them covers, with the reason."""
    coverage = ConditionCoverage(pairs=profile == "full")
    judged: list[tuple[ReferenceCase, CaseJudgement]] = []
    left_out: dict[str, str] = {}
    for reference in references(profile, probed.capabilities, rounding, coverage):
        ticker.begin(len(judged) + 1, reference.case.specification)
        runs = repeat if len(judged) < REPEATED else 1
        judgement = judge_case(candidate, reference, probed.framework, rounding, runs, timeout)
        ticker.judged([judgement])
        spec = reference.case.specification
        if judgement.declined and 0 in spec.shape:
            left_out["cases without a query or key"] = judgement.declined
            continue
        if judgement.declined:
            coverage.declined.add(frozenset(spec.options))
        else:
            coverage.mark(reference)
        if len(judged) >= KEPT and not _has_defect(judgement):
            reference, judgement = reference.hollow(), judgement._replace(tensors={})
        judged.append((reference, judgement))
        if budget is not None and ticker.seconds > budget:
            break
    if profile != "simple" and (unmet := int(coverage.unmet.any(axis=0).sum())):
        left_out[_conditions(unmet, profile)] = f"not reached in {budget:g} s"
    if unresolved := len({(one, other) for _, one, other in coverage.unresolved}):
        left_out[_conditions(unresolved, profile)] = "for some tensor, declined or lost in rounding"
    return judged, left_out


def _conditions(count: int, profile: str) -> str:
    """What a profile covers, counted."""
    return f"{counted(count, 'pair')} of conditions" if profile == "full" else counted(count, "condition")


def _judge_shape(
    candidate: Candidate, shape: Sequence[int], probed: ProbeResult, rounding: Roundoff, timeout: float,
    ticker: Ticker,
) -> tuple[list[tuple[ReferenceCase, CaseJudgement]], list[Planted]]:  # fmt: skip
    """The judgements of one large shape, and the small cases on which its faults are planted."""
    judged: list[tuple[ReferenceCase, CaseJudgement]] = []
    planted: list[Planted] = []
    specs = large_specifications(shape, probed.capabilities)
    for number, sample in enumerate(map(draw_large, specs), start=1):
        ticker.begin(number, sample.case.specification)
        own = list(judge_large(candidate, sample, probed.framework, rounding, timeout))
        judged += own
        ticker.judged([judgement for _, judgement in own])
        if tensors := {name for _, names in judged_tensors(own) for name in names}:
            planted += [(reference, tensors) for reference in control_cases(sample, rounding)]
    return judged, planted


def _excuse_hidden_faults(
    control: Control,
    probed: ProbeResult,
    planted: Sequence[Planted],
    rounding: Roundoff,
    faults: Sequence[Any],
) -> tuple[Control, dict[str, str]]:
    """Move missed faults that the smoke cases catch to `left_out`: the shape hides them, not the referee."""
    missed = [fault for fault in faults if fault.name in control.missed]
    tensors = {name for _, names in planted for name in names}
    smoke = [(reference, tensors) for reference in references("smoke", probed.capabilities, rounding)]
    still = run_control(smoke, rounding, missed).missed
    hidden = [fault.name for fault in missed if fault.name not in still]
    return control._replace(missed=still), dict.fromkeys(hidden, "a fault that this shape cannot reveal")


@explained
def assert_matches_reference(function: Any, **options: Any) -> None:
    """Raise AssertionError with the report unless `check_candidate` passes: for a test suite.

    Parameters
    ----------
    function, options : as in `check_candidate`.

    Examples
    --------
    >>> from numpy_attention import attention
    >>> assert_matches_reference(lambda query, key, value: 2 * attention(query, key, value), profile="simple")
    Traceback (most recent call last):
        ...
    AssertionError: ...
    """
    report = check_candidate(function, **options)
    if not report.ok:
        raise AssertionError(str(report))
