"""Hypotheses about the whole call: a planted fault, an option ignored, another convention."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ....functional.attention.attention import attention_with
from ....functional.attention.steps import STEPS
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ...cases.cases import Case, visible_pairs
from ...faults.fault import tag_of, tagged, textbook_softmax_backward
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


def _with_fault(fault: Any, case: Case, pair: Pair | None = None) -> Results | None:
    if not case.key.size:
        return None
    try:  # `active` is about the planted form: in others' code it may show elsewhere, too
        return results(as_called(case), *(pair or fault.pair))
    except Exception:  # shapes that the fault does not fit
        return None


def with_other_backwards(faults: Iterable[Any]) -> list[WrongCall]:
    """The planted faults in forward's softmax, with the row sum of backward as other kernels compute it.

    Wrong weights do not sum to 1: then Σ weights * d_weights, Σ d_out * out and this package's form differ.
    """
    found = []
    for each in (fault for fault in faults if planted([fault])):
        forward = each.steps and each.steps.softmax.forward
        if not forward or forward is STEPS.softmax.forward or hasattr(forward, "__wrapped__"):
            continue
        for softmax in (Pair(forward, textbook_softmax_backward), _with_delta_of_out(forward)):
            for values in (each.steps.values, _from_recomputed_weights(each.steps.values)):
                pair = attention_with(each.steps._replace(softmax=_passing_on(softmax), values=values))
                found.append(planted([each])[0]._replace(expectation=partial(_with_fault, each, pair=pair)))
    return found


def _passing_on(softmax: Pair) -> Pair:
    """The softmax, whose returned weights carry those that backward uses."""

    def forward(*arguments: Any) -> tuple[Any, Any]:
        normalised, saved = softmax.forward(*arguments)
        return normalised._replace(weights=tagged(normalised.weights, np.asarray(saved.weights))), saved

    return Pair(forward, softmax.backward)


def _from_recomputed_weights(values: Pair) -> Pair:
    """The last step, whose backward reads the weights that the softmax's backward uses, unmasked."""

    def backward(d_out: Array, saved: Any) -> Any:
        recomputed = tag_of(saved.thinned)
        own = saved if recomputed is None else saved._replace(thinned=recomputed, visible=None)
        return values.backward(d_out, own)

    return Pair(values.forward, backward)


def _with_delta_of_out(forward: Callable[..., Any]) -> Pair:
    """A softmax whose backward subtracts the row sum of d_out * out, of the weights that forward returned."""

    def keeping(*arguments: Any) -> tuple[Any, Any]:
        normalised, saved = forward(*arguments)
        return normalised, saved._replace(weights=tagged(saved.weights, np.asarray(normalised.weights)))

    def backward(d_normalised: tuple[Array, Array], saved: Any) -> Any:
        weights, returned = np.asarray(saved.weights), tag_of(saved.weights)
        d = d_normalised[0] if saved.visible is None else np.where(saved.visible, d_normalised[0], 0)
        excess = ((returned - weights) * d).sum(axis=-1)
        own = saved._replace(weights=weights)
        return textbook_softmax_backward((d_normalised[0], d_normalised[1] - excess), own)

    return Pair(keeping, backward)


# ---------------------------------------------------------------------------------- other conventions


DIAGONALS = {
    "the diagonal is one key low, j < i (mask-strict)": -1,
    "the diagonal is one key high, j <= i + 1 (mask-off-by-one)": 1,
}
"""How a diagonal is moved, and by how many keys."""


def conventions() -> list[WrongCall]:
    """The right attention under other conventions."""
    found = [
        _when(f"{name} is ignored", name, partial(_without, feature=name))
        for name in ("bias", "scale", "softcap", "sinks", "dropout", "causal", "window", "mask", "q_offset",
                     "d_lse", "d_weights")
    ]  # fmt: skip
    return [
        *found,
        _when("aligned at the other corner: see --causal (mask-from-the-wrong-corner)", "corner",
              partial(_without, feature="corner")),
        _when("the mask is read the other way: right with --mask hidden (mask-inverted)", "mask",
              _mask_hidden),
        _when("the mask is added to the scores as 0 and 1", "mask", _mask_added),
        *(_when(what, features, partial(change, by=by))
          for what, by in DIAGONALS.items()
          for features, change in (("causal window", _shifted), ("causal", _causal_shifted))),
        _when("the window counts its own position on the left (window-off-by-one-left)", "window",
              partial(_window, left=-1)),
        _when("the window counts its own position on the right", "window", partial(_window, right=-1)),
        _when("the window is one key too wide on the left", "window", partial(_window, left=1)),
        _when("the window is one key too wide on the right (window-off-by-one-right)", "window",
              partial(_window, right=1)),
        WrongCall("axes 1 and 2 are read the other way: right under --layout BLHD", _axes_swapped),
    ]  # fmt: skip


def _when(statement: str, features: str, change: Callable[[Case], Case | None]) -> WrongCall:
    """The right attention of a changed case, where the case has one of the features."""

    def expectation(case: Case) -> Results | None:
        changed = change(case) if {*features.split()} & {*case.features} else None
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
    """The case with the diagonal of causal and window moved, and its mask left alone."""
    return case.rebuilt(offset=case.offset + by)


def _causal_shifted(case: Case, by: int) -> Case:
    """The case with the diagonal of causal moved alone."""
    seen = visible_pairs({"causal": True}, case.offset + by, case.query.shape[-2], case.key.shape[-2])
    options = {name: x for name, x in case.options.items() if name != "causal"}
    if seen is not None:
        options["mask"] = seen[None, None] & options.get("mask", True)
    return case.rebuilt(options=options)


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
