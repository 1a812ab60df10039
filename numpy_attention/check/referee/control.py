"""The control: mistakes are planted in the reference, on a run's own cases, and the run must see them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..cases.cases import Case
from ..cases.compare import FAIL, Verdict, compare_tensor
from ..cases.sensitivity import ReferenceCase
from ..reference.evaluation import results
from ..reference.oracle import Inputs
from ..rounding.formats import USUAL, Roundoff

REORDERED = 2.0**-40
"""Of the largest number: what another order of float64 sums may change. Less is no difference."""


class Caught(NamedTuple):
    """A planted fault, and the verdict that gave it away."""

    fault: str
    verdict: Verdict


class Control(NamedTuple):
    """What became of the faults that were planted.

    Parameters
    ----------
    caught : each with the first verdict that gave it away.
    missed : those that should have been seen in this dtype, and were not.
    below : those that are smaller than what rounding is allowed to do in this dtype.
    idle : how many can do nothing here: the option they need is not in use, or what they change not judged.
    """

    caught: tuple[Caught, ...] = ()
    missed: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    idle: int = 0

    @property
    def ok(self) -> bool:
        """Whether something was planted, and nothing missed."""
        return bool(self.caught) and not self.missed

    def __str__(self) -> str:
        planted = len(self.caught) + len(self.missed)
        if not planted:
            return "no mistake could be planted in these cases"
        told = f"{len(self.caught)} of {planted} mistakes planted in the reference were caught"
        if self.missed:
            told += f"; not: {', '.join(self.missed)}"
        if self.below:
            told += f"; INCONCLUSIVE, as rounding may do as much here: {', '.join(self.below)}"
        return told


def options_of(case: Case) -> dict[str, Any]:
    """The options of a call, as a fault is asked whether it is active there."""
    options = dict.fromkeys(("mask", "bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights"))
    return options | case.options | {"mask": case.mask, "shape": tuple(case.specification.shape)}


def visible_in(roundoff: Roundoff) -> str:
    """The dtype by which faults say where they can be seen: the coarser of storage and arithmetic."""
    dtype = roundoff.storage.name
    if roundoff.name == USUAL.get(dtype, "float32"):
        return dtype
    return {"tf32": "float16"}.get(roundoff.name, roundoff.name)


def control(
    proofs: Sequence[ReferenceCase], tensors: Collection[str], roundoff: Roundoff, faults: Iterable[Any]
) -> Control:
    """Plant the faults of attention, one after the other, until a case gives each of them away.

    Parameters
    ----------
    proofs : the cases of a run.
    tensors : which results the run judged.
    roundoff : that of the run.
    faults : as in `faults.FAULTS`; those of other rules than attention are left out.
    """
    caught: list[Caught] = []
    missed: list[str] = []
    below: list[str] = []
    idle = 0
    dtype = visible_in(roundoff)
    for fault in faults:
        if fault.rule != "attention":
            continue
        verdict, differs = _seen(fault, proofs, tensors)
        if verdict is not None:
            caught.append(Caught(fault.name, verdict))
        elif not differs:
            idle += 1
        else:
            (missed if dtype in fault.dtypes else below).append(fault.name)
    return Control(tuple(caught), tuple(missed), tuple(below), idle)


def _seen(
    fault: Any, proofs: Sequence[ReferenceCase], tensors: Collection[str]
) -> tuple[Verdict | None, bool]:
    """The first verdict that fails, and whether the fault changes anything that is judged."""
    differs = False
    for case, right, _ in proofs:
        if not case.query.size or not fault.active(options_of(case)):
            continue
        wrong = results(_copied(case.inputs), fault.pair.forward, fault.pair.backward)
        for name in tensors:
            x, y = getattr(wrong, name), getattr(right.values, name)
            if x is None or y is None:
                continue
            verdict = compare_tensor(
                case.name, name, case.format.rounded(x), y, right.allowed(name), case.format
            )
            if verdict.verdict == FAIL:
                return verdict, True
            differs |= _differs(x, y)
    return None, differs


def _copied(inputs: Inputs) -> Inputs:
    """There are faults that change what they are given."""
    arrays: dict[str, Any] = {
        name: x.copy() for name, x in inputs._asdict().items() if isinstance(x, np.ndarray)
    }
    return inputs._replace(**arrays)


def _differs(x: Array, y: Array) -> bool:
    with np.errstate(invalid="ignore"):
        apart = np.where(x == y, 0.0, np.abs(x - y))
    largest = np.where(np.isfinite(y), np.abs(y), 0.0).max(initial=0.0)
    return bool((apart > REORDERED * largest).any() or np.isnan(apart).any())
