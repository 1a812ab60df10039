"""A judged case as evidence: which numbers a hypothesis would give, and whether the candidate gave them."""

from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ....functional.base.admission import Array
from ...candidate.frameworks import NumPy
from ...cases.cases import Case
from ...cases.compare import FAIL
from ...cases.sensitivity import MIN_SENSITIVITY, ReferenceCase
from ...cases.specification import OFFSETS, Specification
from ...pairs.calls import over
from ...reference.oracle import Results
from ...rounding.formats import Format, Roundoff
from ..coverage import Judged
from ..judging import result_format

COARSE = 0.1
"""An error bound over the largest number, from which on a tensor tells little."""

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
        self._found: dict[Expectation, Results | None] = {}

    @property
    def specification(self) -> Specification:
        """That of the case."""
        return self.case.specification

    @property
    def size(self) -> tuple[int, int]:
        """Simplest first: the number of options, then of products."""
        B, H, _, L, S, D, E = self.specification.shape
        return len(self.specification.options), B * H * L * S * (D + E)

    @property
    def extreme(self) -> bool:
        """True for scores at which exponentials overflow or vanish, and where a tensor has no sure digit."""
        return self.specification.inputs in OFFSETS or max(self.ratios.values(), default=0.0) > COARSE

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
    def ratios(self) -> dict[str, float]:
        """The largest bound of each tensor over its largest number."""
        return {n: _largest(self.bound(n)) / (_largest(self.right(n)) or np.inf) for n in self.tensors}

    def tolerance(self, name: str, values: Array, names: Collection[str] = Results._fields) -> float:
        """The error bound of other values in a tensor's place: as exact as the worst of these tensors.

        The bounds of single numbers are of no use there: what is tiny in the right tensor may be large.
        """
        relative = max((ratio for n, ratio in self.ratios.items() if n in names), default=0.0)
        return max(relative * _largest(values), _largest(self.bound(name)))

    def misfit(self, name: str, values: Any, names: Collection[str] = Results._fields) -> float:
        """The largest difference of the candidate's tensor from `values`, over their bound: up to 1 fits.

        Where a mistake gives NaN, 0 fits: other code divides by a sum of 0 otherwise.
        """
        got, values = self.tensors[name], np.asarray(values, dtype=np.float64)
        if got.shape != values.shape:
            return np.inf
        with np.errstate(all="ignore"):
            same = (got == values) | (np.isnan(values) & (np.isnan(got) | (got == 0)))
            same |= np.isneginf(self.right(name)) if name == "lse" else False
            error = np.where(same, 0.0, np.abs(got - values))
            tolerance = self.tolerance(name, values, names)
            return float(np.nan_to_num(error / tolerance, nan=np.inf).max(initial=0.0))

    def found(self, expectation: Expectation) -> Results | None:
        """The results of the case under a hypothesis, computed once."""
        if expectation not in self._found:
            with np.errstate(all="ignore"):
                self._found[expectation] = expectation(self.case)
        return self._found[expectation]

    def misfit_of(self, expectation: Expectation, names: Collection[str] = Results._fields) -> float:
        """The largest misfit of all tensors, or of some."""
        found = self.found(expectation)
        wrong = [name for name in self.wrong if name in names]
        if found is None:
            return np.inf if wrong else 0.0
        largest = 0.0
        for name in (*wrong, *(name for name in self.tensors if name in names and name not in wrong)):
            values = getattr(found, name)
            values = np.zeros(self.tensors[name].shape) if values is None else values  # an argument left out
            largest = max(largest, self.misfit(name, values, names))
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
    observations.sort(key=lambda each: (not each.tensors, each.extreme, each.size))
    failing = tuple(each for each in observations if each.wrong)
    return Observations(failing, tuple(each for each in observations if not each.wrong))
