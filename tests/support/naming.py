"""How often a diagnosis names the mistake: wrong kernels of several hands, judged and diagnosed."""

import functools
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.capabilities import Constraints, probe
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.cases.conditions import CONDITIONS
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.referee import referee
from numpy_attention.check.referee.control import as_called
from numpy_attention.check.referee.diagnosis.changes import CONSTANTS
from numpy_attention.check.referee.diagnosis.diagnose import diagnose
from numpy_attention.check.referee.diagnosis.evidence import evidence_of
from numpy_attention.check.referee.judging import judge_case, judge_tensor
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff
from tests.support.candidates import FEW
from tests.support.peers.wrong_torch import BY_HAND, IN_FORWARD, by_autograd, by_hand
from tests.support.wrong_kernels import MISTAKES, einsum_attention, rows_attention
from tests.support.wrong_tiles import TILED, tiled_attention

CALLED = {"causal": "bottom_right", "mask": "visible"}
DTYPES = ("float64", "float32", "bfloat16")

RARE = {
    "no-maximum", "maximum-from-zero", "maximum-from-1e4", "mask-of-a-finite-number", "width-truncated",
    "key-and-value-swapped", "d-query-of-narrow-values", "row-sum-broadcast-along-rows",
    "d-value-untransposed", "d-query-and-d-key-swapped", "d-key-and-d-value-swapped",
}  # fmt: skip
"""Mistakes that no simple case shows: for them, the profile is smoke."""


class Named(NamedTuple):
    """One diagnosis: "right", "other", "none", or "passed" if the check saw nothing; and its time."""

    kind: str
    dtype: str
    mistake: str
    outcome: str
    text: str
    diagnosis_seconds: float
    check_seconds: float


def kernels(torch: Any = None) -> dict[str, tuple[Any, list[str]]]:
    """Each hand's kernel, a function of the mistake ("" for none), and its mistakes."""
    found = {
        "NumPy, einsum": (einsum_attention, MISTAKES["einsum"]),
        "NumPy, loops": (rows_attention, MISTAKES["rows"]),
        "NumPy, tiles": (tiled_attention, TILED),
    }
    if torch is not None:
        torch.set_num_threads(1)
        found["torch, autograd"] = (functools.partial(by_autograd, torch), IN_FORWARD)
        found["torch, backward by hand"] = (functools.partial(by_hand, torch), BY_HAND)
    return found


def options_of(kind: str, dtype: str) -> dict[str, Any]:
    """How a kernel is called."""
    return {**CALLED, "framework": "torch" if "torch" in kind else emulating(dtype), "dtype": dtype}


def names_in(text: str) -> list[str]:
    """The names of planted faults in a diagnosis, the first one first, and those with equal numbers."""
    first = re.search(r"\(([a-z0-9]+(?:-[a-z0-9]+)+)[;)]", text)
    others = re.search(r"\), or ([a-z0-9-]+)(?: or ([a-z0-9-]+))?", text)
    return ([first[1]] if first else []) + [name for name in (others.groups() if others else ()) if name]


def diagnosed(
    kind: str, dtype: str, mistake: str, function: Any, profile: str, words: Sequence[str] = ()
) -> Named:
    """The outcome for one wrong kernel, or a right one if `mistake` is ""."""
    seconds = [0.0]

    def timed(*arguments: Any) -> str:
        start = time.monotonic()
        text = diagnose(*arguments)
        seconds[0] = time.monotonic() - start
        return text

    with mock.patch.object(referee, "diagnose", timed):
        report = na.check_candidate(function, profile=profile, faults=FEW, **options_of(kind, dtype))
    text = report.diagnosis
    said = all(re.search(rf"(^|\s){re.escape(word)}($|[\s;,])", text) for word in words)
    known = mistake in names_in(text) and said
    outcome = "right" if known else "other" if text and not text.startswith("no known") else "none"
    if report.outcome != "FAIL":
        outcome = "passed"
    return Named(kind, dtype, mistake, outcome, text, seconds[0], report.seconds - seconds[0])


def planted_mistakes(kind: str, dtype: str, torch: Any = None, every: int = 1) -> Iterator[Named]:
    """The diagnoses of a kernel's mistakes."""
    kernel, mistakes = kernels(torch)[kind]
    for mistake in mistakes[::every]:
        profile = "smoke" if mistake in RARE else "simple"
        yield diagnosed(kind, dtype, mistake, kernel(mistake), profile)


# ------------------------------------------------------------------------------- a constant besides

SCALED = {
    "plain-mean": "sqrt(D)", "no-row-sum": "1/B", "row-sum-added": "ln 2", "mask-strict": "1/L",
    "heads-tiled": "1/S", "softcap-without-derivative": "H/G", "weights-squared": "1/D",
    "diagonal-only": "2", "scale-missing": "1/H", "d-key-from-weights": "1/ln 2",
}  # fmt: skip
"""A fault, and the constant by which d_query is wrong besides."""


def scaled_mistakes(kind: str, dtype: str, every: int = 1) -> Iterator[Named]:
    """Kernels with a fault and a constant in d_query: both are to be named."""
    kernel, _ = kernels()[kind]
    for mistake, constant in list(SCALED.items())[::every]:
        right = kernel(mistake)

        @functools.wraps(right)
        def wrong(query: Any, key: Any, value: Any, *, right=right, constant=constant, **options: Any) -> Any:
            (B, H, L, D), (G, S), E = query.shape, key.shape[1:3], value.shape[-1]
            found = right(query, key, value, **options)
            by = CONSTANTS[constant](Shape(B, H, G, L, S, D, E))
            return found | {"d_query": (by * found["d_query"]).astype(query.dtype)}

        yield diagnosed(kind, dtype, mistake, wrong, "simple", ["d_query times", constant])


# ---------------------------------------------------------------------------- where a condition holds

FACTOR = 1.5
WHOLE = ("no-row-sum", "scale-missing", "plain-mean", "heads-tiled")
"""Planted faults that are made where a condition holds; the others multiply one tensor by FACTOR."""


class Judged(NamedTuple):
    """The judged cases of a right kernel, the run's rounding and framework, and its time."""

    cases: list[Any]
    rounding: Any
    framework: Any
    seconds: float


def judged_by(function: Any, kind: str, dtype: str) -> Judged:
    """A right kernel on the smoke cases."""
    start, rounding = time.monotonic(), roundoff(dtype)
    candidate = Candidate(function, checked_convention(**CALLED))
    given = Constraints((), 1, True, options_of(kind, dtype)["framework"], None)
    probed = probe(candidate, given, dtype, 0, 60)
    cases = [
        (each, judge_case(candidate, each, probed.framework, rounding, 1, 60))
        for each in references("smoke", probed.capabilities, rounding)
    ]
    assert all(verdict.ok for _, judgement in cases for verdict in judgement.verdicts)
    return Judged(cases, rounding, probed.framework, time.monotonic() - start)


def conditional(run: Judged, holds: Any, tensor: str, mistake: str = "") -> list[Any]:
    """The run as it were if a result, or the planted fault's, were wrong where a condition holds."""
    changed = []
    for reference, judgement in run.cases:
        tensors = dict(judgement.tensors)
        if tensors and holds(reference.case.specification):
            pair = fault(mistake).pair if mistake else None
            wrong = results(as_called(reference.case), *pair) if pair else None
            for name in tensors if mistake else {tensor} & tensors.keys():
                values = FACTOR * tensors[name].numbers if wrong is None else getattr(wrong, name)
                values = reference.case.format.rounded(np.asarray(values, dtype=float))
                tensors[name] = tensors[name]._replace(numbers=values)
            verdicts = (
                judge_tensor(reference, n, x, run.framework, run.rounding) for n, x in tensors.items()
            )
            judgement = judgement._replace(tensors=tensors, verdicts=tuple(filter(None, verdicts)))
        changed.append((reference, judgement))
    return changed


def conditions_in(text: str) -> list[str]:
    """The conditions that a diagnosis names for its first tensors."""
    where = text.partition("only where ")[2].partition(";")[0]
    return where.split(" or ") if where else []


def _all_hold(tests: Sequence[Any], spec: Any) -> bool:
    return all(test(spec) for test in tests)


def conditional_mistakes(kind: str, dtype: str, count: int, torch: Any = None, seed: int = 0) -> list[Named]:
    """Diagnoses of kernels that are right but where one listed condition holds, or two do."""
    function, found = kernels(torch)[kind][0](""), []
    run = judged_by(function, kind, dtype)
    rng = np.random.default_rng(seed)
    tests = {c.name: c.holds for c in CONDITIONS}
    while len(found) < count:
        names = [str(name) for name in rng.choice(list(tests), 1 + (len(found) % 5 == 4), replace=False)]
        tensor, mistake = str(rng.choice(["out", "d_query", "d_key", "d_value"])), ""
        if len(found) % 5 == 3:
            mistake = str(rng.choice(WHOLE))
        holds = functools.partial(_all_hold, [tests[name] for name in names])
        judged = conditional(run, holds, tensor, mistake)
        evidence = evidence_of(judged, run.rounding, run.framework)
        if not evidence.failing or not evidence.passing:
            continue  # no case shows it, or every case
        start = time.monotonic()
        text = diagnose(judged, run.rounding, run.framework, FAULTS, list(tests.items()), run.seconds)
        seconds = time.monotonic() - start
        first = conditions_in(text)[0].split(" and ") if conditions_in(text) else []
        same = first and all(
            all(tests[n](each.specification) for n in first) == bool(each.wrong)
            for each in (*evidence.failing, *evidence.passing)
            if each.wrong or (each.tensors and not mistake and each.resolves(tensor))
        )
        named = text and not text.startswith("no known")
        outcome = "right" if set(first) == {*names} or same else "other" if named else "none"
        what = f"{mistake or tensor} where {' and '.join(names)}"
        kinds = ", two conditions" if len(names) > 1 else ", one condition"
        found.append(Named(kind + kinds, dtype, what, outcome, text, seconds, run.seconds))
    return found
