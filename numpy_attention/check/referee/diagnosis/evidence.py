"""A judged case as evidence: which numbers a hypothesis would give, and whether the candidate gave them."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ....functional.base.admission import Array
from ...candidate.frameworks import NumPy
from ...cases.cases import Case
from ...cases.compare import FAIL
from ...cases.sensitivity import MIN_SENSITIVITY, ReferenceCase
from ...cases.specification import Specification
from ...pairs.calls import over
from ...reference.oracle import Results
from ...rounding.formats import Format, Roundoff
from ..coverage import Judged
from ..judging import result_format

Expectation: TypeAlias = Callable[[Case], Results | None]
"""The results of a case under a hypothesis; None where it changes nothing."""


class Observation:
    """A judged case: the candidate's tensors, the right ones and their bounds."""

    def __init__(
        self,
        reference: ReferenceCase,
        tensors: dict[str, Array],
        kept: dict[str, Format],
        wrong: Iterable[str],
    ) -> None:
        self.case, self.expected = reference.case, reference.expected
        self.tensors, self.kept = tensors, kept
        self.wrong = tuple(name for name in Results._fields if name in set(wrong))

    @property
    def specification(self) -> Specification:
        """That of the case."""
        return self.case.specification

    @property
    def size(self) -> tuple[int, int]:
        """Simplest first: the number of options, then of products."""
        B, H, _, L, S, D, E = self.specification.shape
        return len(self.specification.options), B * H * L * S * (D + E)

    def right(self, name: str) -> Array:
        """The right numbers of a tensor."""
        return np.asarray(getattr(self.expected.values, name), dtype=np.float64)

    def bound(self, name: str) -> Array:
        """The error bound of each number of a tensor."""
        return self.expected.allowed(name, self.kept[name])

    def resolves(self, name: str) -> bool:
        """True if a number of a tensor is so far above its bound that a mistake in it would show."""
        return _largest(over(np.abs(self.right(name)), self.bound(name))) > MIN_SENSITIVITY

    @cached_property
    def relative(self) -> float:
        """The largest bound of a tensor over its largest number, the worst of all tensors of the case."""
        ratios = [_largest(self.bound(n)) / (_largest(self.right(n)) or np.inf) for n in self.tensors]
        return max(ratios, default=0.0)

    def tolerance(self, name: str, values: Array) -> float:
        """The error bound of other values in a tensor's place: they are as exact as the case's worst tensor.

        The bounds of single numbers are of no use there: what is tiny in the right tensor may be large.
        """
        return max(self.relative * _largest(values), _largest(self.bound(name)))

    def misfit(self, name: str, values: Any) -> float:
        """The largest difference of the candidate's tensor from `values`, over their bound: up to 1 fits."""
        got, values = self.tensors[name], np.asarray(values, dtype=np.float64)
        if got.shape != values.shape:
            return np.inf
        with np.errstate(all="ignore"):
            same = (got == values) | (np.isnan(got) & np.isnan(values))
            same |= np.isneginf(self.right(name)) if name == "lse" else False
            error = np.where(same, 0.0, np.abs(got - values))
            return float(np.nan_to_num(error / self.tolerance(name, values), nan=np.inf).max(initial=0.0))

    def misfit_of(self, expectation: Expectation) -> float:
        """The largest misfit of all tensors."""
        with np.errstate(all="ignore"):
            found = expectation(self.case)
        if found is None:
            return np.inf if self.wrong else 0.0
        largest = 0.0
        for name in (*self.wrong, *(name for name in self.tensors if name not in self.wrong)):
            values = getattr(found, name)
            values = np.zeros(self.tensors[name].shape) if values is None else values  # an argument left out
            largest = max(largest, self.misfit(name, values))
            if largest > 1:
                return largest
        return largest

    def errors(self, name: str) -> Array:
        """True where a tensor is wrong."""
        got, right = self.tensors[name], self.right(name)
        with np.errstate(all="ignore"):
            wrong = ~((got == right) | (np.abs(got - right) <= self.bound(name)))
            return np.asarray(wrong & ~(np.isnan(got) & np.isnan(right)))


def _largest(x: Array) -> float:
    size = np.abs(x[np.isfinite(x)])
    return float(size.max(initial=0.0))


class Observations(NamedTuple):
    """All observations of a run, the simplest first."""

    failing: tuple[Observation, ...]
    passing: tuple[Observation, ...]


def evidence_of(judged: Judged, rounding: Roundoff, framework: NumPy) -> Observations:
    """The observations of a run: cases with a wrong tensor, and cases in which all are right."""
    observations = []
    for reference, judgement in judged:
        verdicts = {v.tensor: v.verdict for v in judgement.verdicts}
        tensors = {n: x for n, x in judgement.tensors.items() if n in verdicts}
        right = reference.expected.values._asdict()
        shaped = all(x.numbers.shape == np.shape(right[n]) for n, x in tensors.items())
        missing = verdicts.keys() - tensors.keys()  # of a large case, what the laws judge
        hollow = not tensors and FAIL not in verdicts.values()  # right, and its numbers are not kept
        if not verdicts or (missing and not hollow) or not shaped or not reference.case.query.size:
            continue
        kept = {n: result_format(n, x, framework, rounding) for n, x in tensors.items()}
        numbers = {n: x.numbers for n, x in tensors.items()}
        wrong = [n for n, verdict in verdicts.items() if verdict == FAIL]
        observations.append(Observation(reference, numbers, kept, wrong))
    observations.sort(key=lambda each: (not each.tensors, each.size))
    failing = tuple(each for each in observations if each.wrong)
    return Observations(failing, tuple(each for each in observations if not each.wrong))
