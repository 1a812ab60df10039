"""The control: plant faults in the reference on the cases that a run judged; the run must catch them."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...functional.base.admission import Array
from ..candidate.frameworks import get_framework
from ..cases.cases import Case
from ..cases.compare import FAIL, Verdict, compare_tensor
from ..cases.sensitivity import ReferenceCase
from ..reference.evaluation import results
from ..reference.inputs import Inputs
from ..rounding.formats import DEFAULT_ARITHMETIC, Roundoff

REORDERED = 2.0**-40
"""Difference, relative to an array's largest number, that another summation order in float64 may cause."""


class CaughtFault(NamedTuple):
    """A planted fault, and the verdict that caught it."""

    fault: str
    verdict: Verdict


class Control(NamedTuple):
    """The planted faults, by what became of them.

    Parameters
    ----------
    caught : each with the first verdict that caught it.
    missed : visible in this dtype, but not caught.
    below : not caught, and too small for this dtype: rounding may do as much.
    idle : number of faults without effect: no judged case has their option, or what they change.
    """

    caught: tuple[CaughtFault, ...] = ()
    missed: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    idle: int = 0

    @property
    def ok(self) -> bool:
        """True if a fault was caught and none missed."""
        return bool(self.caught) and not self.missed

    def __str__(self) -> str:
        planted = len(self.caught) + len(self.missed)
        if not planted:
            return "no fault could be planted in these cases"
        text = f"{len(self.caught)} of {planted} faults planted in the reference were caught"
        if self.missed:
            text += f"; missed: {', '.join(self.missed)}"
        if self.below:
            text += f"; INCONCLUSIVE, no larger than rounding here: {', '.join(self.below)}"
        return text


Planted: TypeAlias = tuple[ReferenceCase, Collection[str]]
"""A judged case, and the names of the results that were judged there."""


def run_control(judged: Iterable[Planted], roundoff: Roundoff, faults: Iterable[Any]) -> Control:
    """Plant each fault of attention alone, in one case after another, the smallest first, until it is caught.

    Parameters
    ----------
    judged : the judged cases of a run.
    roundoff : that of the run.
    faults : as in `faults.FAULTS`; those of other rules are skipped.
    """
    caught: list[CaughtFault] = []
    missed: list[str] = []
    below: list[str] = []
    idle = 0
    dtype = fault_dtype(roundoff)
    planted = sorted(judged, key=lambda each: each[0].case.query.size * each[0].case.key.shape[-2])
    for fault in faults:
        if fault.rule != "attention":
            continue
        verdict, differs = _first_failure(fault, planted)
        if verdict is not None:
            caught.append(CaughtFault(fault.name, verdict))
        elif not differs:
            idle += 1
        else:
            (missed if dtype in fault.dtypes else below).append(fault.name)
    return Control(tuple(caught), tuple(missed), tuple(below), idle)


def fault_dtype(roundoff: Roundoff) -> str:
    """Dtype to look up in `Fault.dtypes`: the coarser of storage and arithmetic."""
    dtype = roundoff.storage.name
    if roundoff.name == DEFAULT_ARITHMETIC.get(dtype, "float32"):
        return dtype
    return {"tf32": "float16"}.get(roundoff.name, roundoff.name)


def _first_failure(fault: Any, judged: Iterable[Planted]) -> tuple[Verdict | None, bool]:
    """The first verdict FAIL, if any, and True if the fault changes a judged result at all."""
    differs = False
    for reference, tensors in judged:
        case, right = reference.case, reference.expected
        if not case.query.size or not fault.active(called := as_called(case)):
            continue
        wrong = results(called, fault.pair.forward, fault.pair.backward)
        for name in tensors:
            x, y = getattr(wrong, name), getattr(right.values, name)
            if x is None or y is None:
                continue
            stored = case.format.rounded(x)
            verdict = compare_tensor(case.name, name, stored, y, right.allowed(name), case.format)
            if verdict.verdict == FAIL:
                return verdict, True
            differs |= _differs(x, y)
    return None, differs


def as_called(case: Case) -> Inputs:
    """A copy, for faults that modify their inputs, in the memory layouts of the case."""
    numpy = get_framework("numpy")
    copies = {name: x.copy() for name, x in case.dense().items() if isinstance(x, np.ndarray)}
    for name, layout in case.specification.layouts:
        copies[name] = numpy.laid_out(copies[name], layout)
    return case.dense().replace(**copies)


def _differs(x: Array, y: Array) -> bool:
    with np.errstate(invalid="ignore"):
        error = np.where(x == y, 0.0, np.abs(x - y))
    largest = np.where(np.isfinite(y), np.abs(y), 0.0).max(initial=0.0)
    return bool((error > REORDERED * largest).any() or np.isnan(error).any())
