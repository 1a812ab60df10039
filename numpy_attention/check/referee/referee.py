"""The referee: a candidate judged on a profile of cases against an exact reference and derived bounds."""

import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ..candidate.candidate import Candidate
from ..candidate.capabilities import Explored, Limits, explore
from ..candidate.conventions import convention
from ..cases.compare import FAIL
from ..cases.profiles import profile as specifications
from ..cases.sensitivity import ReferenceCase, reference_case
from ..reference.oracle import Results
from ..rounding.formats import Roundoff, roundoff
from .conclusion import concluded
from .control import Control, control
from .judging import Judged, judge_case
from .large_shapes import controls, draw_large, judge_large, large_specifications
from .report import NOT_JUDGED, CandidateReport, Problem


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
    proofs: list[ReferenceCase] = []
    found: list[Judged] = []
    planted_in: list[ReferenceCase] = []
    if shape is None:
        proofs = [reference_case(spec, rounds) for spec in specifications(profile, explored.reach)]
        own = explored.framework
        found = [judge_case(candidate, proof, own, rounds, repeat, timeout) for proof in proofs]
        planted_in = proofs
    else:
        for spec in large_specifications(shape, explored.reach):
            drawn = draw_large(spec)
            for proof, judged in judge_large(candidate, drawn, explored.framework, rounds, timeout):
                proofs.append(proof)
                found.append(judged)
            planted_in += controls(drawn, rounds)
    faults = tuple(import_module("..faults", __package__).FAULTS if faults is None else faults)
    tensors = tuple(n for n in Results._fields if any(n in judged.tensors for judged in found))
    controlled = control(planted_in, tensors, rounds, faults) if tensors else Control()
    if shape is not None and controlled.missed:
        controlled, unshown = _unshown(controlled, explored, tensors, rounds, faults)
        explored = explored._replace(left_out=explored.left_out | unshown)
    report = CandidateReport(name, setting, NOT_JUDGED, "", control=controlled)
    return concluded(report, proofs, found, explored, rounds)._replace(seconds=time.monotonic() - began)


def _unshown(
    controlled: Control,
    explored: Explored,
    tensors: tuple[str, ...],
    rounds: Roundoff,
    faults: tuple[Any, ...],
) -> tuple[Control, dict[str, str]]:
    """A fault that cannot show in the sampled rows of one shape, but does in the cases of smoke, is named.

    It is no fault of the referee's then, but of the shape.
    """
    missed = [fault for fault in faults if fault.name in controlled.missed]
    proofs = [reference_case(spec, rounds) for spec in specifications("smoke", explored.reach)]
    still = control(proofs, tensors, rounds, missed).missed
    unshown = [fault.name for fault in missed if fault.name not in still]
    return controlled._replace(missed=still), dict.fromkeys(unshown, "a mistake that this shape cannot show")


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
