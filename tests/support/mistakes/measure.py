"""Which mistakes no case of a profile catches: one pass over its references serves all mistakes.

A mistake multiplies one result by FACTOR where its condition holds. A case catches it if the condition holds
there and the referee's comparison fails the reference's own numbers, so multiplied and rounded to the dtype.
No kernel is called; tests/properties/test_mistakes.py calls some, to show that both ways agree.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.compare import FAIL, compare_tensor
from numpy_attention.check.cases.covering import ConditionCoverage
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.cases.sensitivity import ReferenceCase
from numpy_attention.check.cases.specification import EXTRAS, OPTIONS
from numpy_attention.check.referee.referee import REPEATED
from numpy_attention.check.rounding.formats import roundoff

from .facts import TENSORS, History, facts

FACTOR = 1.5
RESULTS = ("out", "d_query", "d_key", "d_value")
EVERYTHING = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", hidden_nan=True)
FLOAT32 = roundoff("float32")


class Seen(NamedTuple):
    """What is kept of a case: its specification, its facts, and the results in which the factor is seen."""

    specification: Any
    facts: dict[str, float]
    results: frozenset[str]


class Mistake(NamedTuple):
    """A condition in words, the result that is wrong where it holds, and its test on a case."""

    name: str
    tensor: str
    holds: Callable[[Seen], bool]


def seen_cases(
    profile: str,
    coverage: ConditionCoverage | None = None,
    watch: Callable[[ReferenceCase], None] = lambda reference: None,
) -> Iterator[Seen]:
    """What is seen of each case of a profile, for a candidate that supports everything; `watch` sees all."""
    history = History()
    for number, reference in enumerate(references(profile, EVERYTHING, FLOAT32, coverage)):
        if coverage is not None:
            coverage.mark(reference)
        watch(reference)
        case = reference.case
        times = 2 if number < REPEATED else 1
        called = history.next(case.specification, times)
        found = facts(case, arrays_of(case), called)
        yield Seen(case.specification, found, frozenset(results_that_show(reference)))


def arrays_of(case: Any) -> dict[str, Any]:
    """The tensors as a candidate in NumPy gets them."""
    layouts, framework = dict(case.specification.layouts), NumPy()
    arrays = {name: framework.from_numpy(getattr(case, name), case.format) for name in TENSORS}
    return {
        name: framework.laid_out(x, layouts[name]) if name in layouts else x for name, x in arrays.items()
    }


def results_that_show(reference: ReferenceCase) -> Iterator[str]:
    """The results of a case that fail when they are FACTOR times the reference's."""
    mode = reference.case.specification.mode
    wanted = {f"d_{name}" for name in mode.split(", ")} | {"out"}
    for name in RESULTS:
        if mode == "no gradient" and name != "out":
            continue
        if len(wanted & {*RESULTS}) > 1 and name not in wanted:
            continue
        if wrong_verdict(reference, name) == FAIL:
            yield name


def wrong_verdict(reference: ReferenceCase, name: str) -> str:
    """The verdict on FACTOR times the reference's own numbers."""
    right = np.asarray(getattr(reference.expected.values, name), dtype=np.float64)
    kept = FLOAT32.storage
    with np.errstate(all="ignore"):
        wrong = np.asarray(FACTOR * right.astype(np.float32), dtype=np.float32)
    return compare_tensor("", name, wrong, right, reference.expected.allowed(name, kept), kept).verdict


def escaped(mistakes: Iterable[Mistake], cases: Iterable[Seen]) -> list[Mistake]:
    """The mistakes that no case catches."""
    left = list(mistakes)
    for case in cases:
        left = [m for m in left if m.tensor not in case.results or not m.holds(case)]
    return left


def upper_limit(found: int, tried: int, confidence: float = 0.95) -> float:
    """The Clopper-Pearson limit of a share: there, `found` or fewer have the probability 1 - confidence."""
    if found == tried:
        return 1.0
    low, high = found / tried, 1.0
    for _ in range(60):
        p = (low + high) / 2
        term = (1 - p) ** tried
        total = term
        for k in range(found):
            term *= (tried - k) / (k + 1) * p / (1 - p)
            total += term
        low, high = (p, high) if total > 1 - confidence else (low, p)
    return high
