"""Hypotheses about the whole call: a planted fault, an option ignored, another convention."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...cases.cases import Case
from ...reference.evaluation import results
from ...reference.oracle import Results
from ..control import as_called
from .evidence import Expectation

HINTS = {
    "mask-from-the-wrong-corner": "try --causal top_left or bottom_right",
    "mask-inverted": "try --mask hidden",
    "heads-tiled": "query head h reads key head h % G",
    "lse-in-wrong-base": "lse in base 2",
    "scale-missing": "scores are not divided by sqrt(D)",
}
"""What else a planted fault may mean, by its name."""


class WrongCall(NamedTuple):
    """A mistake in words, the results that it would give, and the name of the fault if it is planted."""

    statement: str
    expectation: Expectation
    fault: str = ""

    @property
    def short(self) -> str:
        """The name of the fault, else the statement."""
        return self.fault or self.statement


def planted(faults: Iterable[Any]) -> list[WrongCall]:
    """One hypothesis for each planted fault whose results depend on one call alone."""
    kept = [each for each in faults if each.rule == "attention" and each.family not in ("memory", "state")]
    return [WrongCall(_statement(each), partial(_with_fault, each), each.name) for each in kept]


def _statement(fault: Any) -> str:
    hint = f"; {HINTS[fault.name]}" if fault.name in HINTS else ""
    return f"{fault.statement.rstrip('.')} ({fault.name}{hint})"


def _with_fault(fault: Any, case: Case) -> Results | None:
    called = as_called(case)
    return results(called, fault.pair.forward, fault.pair.backward) if fault.active(called) else None


# ---------------------------------------------------------------------------------- other conventions


def conventions() -> list[WrongCall]:
    """The right attention under other conventions."""
    found = [
        _when(f"{name} is ignored", name, partial(_without, feature=name))
        for name in ("bias", "scale", "softcap", "sinks", "dropout", "causal", "window", "mask", "q_offset",
                     "d_lse", "d_weights")
    ]  # fmt: skip
    return [
        *found,
        _when("aligned at the other corner: see --causal", "corner", partial(_without, feature="corner")),
        _when("the mask is read the other way: right with --mask hidden", "mask", _mask_hidden),
        _when("the mask is added to the scores as 0 and 1", "mask", _mask_added),
        _when("the diagonal is one key low, j < i (mask-strict)", "causal", partial(_shifted, by=-1)),
        _when("the diagonal is one key high (mask-off-by-one)", "causal", partial(_shifted, by=1)),
        _when("the window counts its own position on the left", "window", partial(_window, left=-1)),
        _when("the window counts its own position on the right", "window", partial(_window, right=-1)),
        _when("the window is one key too wide on the left", "window", partial(_window, left=1)),
        _when("the window is one key too wide on the right", "window", partial(_window, right=1)),
        WrongCall("axes 1 and 2 are read the other way: right under --layout BLHD", _axes_swapped),
    ]  # fmt: skip


def _when(statement: str, feature: str, change: Callable[[Case], Case | None]) -> WrongCall:
    def expectation(case: Case) -> Results | None:
        changed = change(case) if feature in case.features else None
        return None if changed is None else results(changed)

    return WrongCall(statement, expectation)


def _without(case: Case, feature: str) -> Case:
    return case.without(feature)


def _mask_hidden(case: Case) -> Case:
    return case.rebuilt(options=case.options | {"mask": ~case.options["mask"]})


def _mask_added(case: Case) -> Case:
    options = {name: x for name, x in case.options.items() if name != "mask"}
    return case.rebuilt(options=options | {"bias": case.options["mask"] + options.get("bias", 0.0)})


def _shifted(case: Case, by: int) -> Case:
    """The case with its diagonal moved, and its mask left alone."""
    return case.rebuilt(offset=case.offset + by)


def _window(case: Case, left: int = 0, right: int = 0) -> Case | None:
    a, b = case.options["window"]
    if min(a + left, b + right) < 0:
        return None
    return case.rebuilt(options=case.options | {"window": (a + left, b + right)})


def _axes_swapped(case: Case) -> Results | None:
    _, H, G, L, S, _, _ = case.specification.shape
    if case.options or not (H == G and L == S):
        return None
    turned = (np.swapaxes(x, 1, 2) for x in (case.query, case.key, case.value, case.d_out))
    query, key, value, d_out = map(np.ascontiguousarray, turned)
    found = results(case.rebuilt(query=query, key=key, value=value, d_out=d_out))
    swapped = {n: np.swapaxes(getattr(found, n), 1, 2) for n in ("out", "d_query", "d_key", "d_value")}
    return found._replace(**swapped)
