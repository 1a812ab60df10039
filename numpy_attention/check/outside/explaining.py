"""The planted faults of a rule: which of them its cases catch, and which explains a candidate's numbers."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from ...functional.attention.steps import STEPS
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from ..cases.compare import FAIL, Verdict, compare_tensor
from ..faults import FAULTS, Fault
from ..faults.fault import VISIBLE_PLACES
from ..pairs.calls import as_outputs, as_tuple, by_name, call_of
from ..pairs.function_rules import Rule
from ..referee.control import CaughtFault, Control, fault_dtype
from ..rounding.formats import Roundoff
from .expected import right_values
from .optimizers import OPTIMIZERS, in_steps, no_gradients
from .optimizers import STEPS as OPTIMIZER_STEPS
from .outcome import JudgedCase
from .steps import STEP_OF, attend_with, step_of_arrays

_EPSILONS = tuple({"eps": eps} for eps in (1e-6, 1e-8, 1e-12, 1e-3, 0.0))
OTHER_VALUES: dict[str, tuple[dict[str, Any], ...]] = {
    **dict.fromkeys(("layer_norm", "rms_norm"), _EPSILONS),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), ({"axis": 0}, {"axis": -2})),
    "leaky_relu": tuple({"slope": slope} for slope in (0.1, 0.2, 0.3)),
    "rotary": ({"layout": "halves"}, {"layout": "interleaved"}, {"base": 5e5}),
    "cross_entropy": tuple({"reduction": how} for how in ("sum", "mean")),
    "adamw": ({"weight_decay": 0.0}, {"betas": (0.9, 0.999)}),
    "adam": ({"betas": (0.9, 0.999)},),
    "sgd": ({"momentum": 0.0},),
    "softcap": ({"softcap": None},),
    "bias": ({"bias": None},),
    "softmax_step": ({"sinks": None},),
    "dropout": ({"multipliers": None},),
    "attend": tuple({name: None} for name in ("mask", "bias", "softcap", "sinks", "dropout")),
    "alibi": ({"offset": 0},),
}
"""Arguments with which the right pair may give the candidate's numbers, by rule."""

LEFT_OPEN, MOST = 2.0**-5, 0.9
"""Share of a wrong number's deviation that an explanation may leave open, as its own rounding is not bounded;
the share of the cases that it must explain."""


class Theory(Protocol):
    """A mistake that predicts numbers, as a `Hypothesis` does."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes in which it exceeds rounding."""

    def results(self, case: JudgedCase) -> dict[str, Array]:
        """The predicted results of a case; the right ones if they cannot be computed."""


AnyTheory = TypeVar("AnyTheory", bound=Theory)


class Hypothesis(NamedTuple):
    """An explanation: the pair that gives the candidate's numbers, with some arguments changed."""

    name: str
    text: str
    forward: Any
    backward: Any
    changed: Mapping[str, Any] = MappingProxyType({})
    dtypes: tuple[str, ...] = ("float64", "float32")

    def results(self, case: JudgedCase) -> dict[str, Array]:
        """The predicted results of a case; the right ones if they cannot be computed."""
        right: dict[str, Array] = case.expected.values
        arguments = {
            n: np.copy(x) if isinstance(x, np.ndarray) else x for n, x in case.call.arguments.items()
        }
        try:
            cotangents = tuple(np.copy(d) for d in case.call.cotangents)
            return right_values(self.forward, self.backward, arguments | dict(self.changed), cotangents)
        except Exception:
            return right


def faults_of(rule: Rule) -> list[Hypothesis]:
    """The planted faults of a rule: for steps and softmax those of attention's, for AdamW also Adam's."""
    found = []
    if rule.name in (*STEP_OF, "attend"):
        planted = ((f, _planted_in(f, rule.name)) for f in FAULTS)
        return [_of_fault(f, pair) for f, pair in planted if pair is not None]
    if rule.name == "softmax":
        steps = [
            (f, f.steps.softmax) for f in FAULTS if f.steps and f.family in ("softmax", "maximum", "learner")
        ]
        return [_of_fault(f, _of_rows(step)) for f, step in steps]
    for fault in FAULTS:
        after_decay = rule.name == "adamw" and fault.rule == "adam"
        if fault.rule != rule.name and not after_decay:
            continue
        pair = fault.pair
        if rule.name in OPTIMIZERS:
            step = partial(_after_decay, pair.forward) if after_decay else pair.forward
            pair = pair._replace(forward=in_steps(step, OPTIMIZER_STEPS[rule.name][1]), backward=no_gradients)
        found.append(_of_fault(fault, pair))
    return found


def _of_fault(fault: Fault, pair: Pair) -> Hypothesis:
    return Hypothesis(fault.name, f"{fault.name}: {fault.statement}", *pair, dtypes=fault.dtypes)


def _planted_in(fault: Fault, rule: str) -> Pair | None:
    """A fault of attention in one step or in `attend`; None where it is in other steps.

    A wrong mask is received by all steps, and is a mistake of the mask; wrong groups are one of two products.
    """
    if fault.steps is None:
        return None
    changed = {name for name, step in fault.steps._asdict().items() if step != getattr(STEPS, name)}
    own = {"mask"} if changed == {*VISIBLE_PLACES} else changed
    groups = own == {"score", "values"}
    if rule == "attend":
        return attend_with(fault.steps) if groups or "score" not in own else None
    step = STEP_OF[rule]
    alone = own == {step} or (groups and step in own)
    return step_of_arrays(rule, getattr(fault.steps, step)) if alone else None


def _of_rows(step: Pair) -> Pair:
    """Attention's softmax step as a softmax of rows."""

    def forward(x: Array, axis: int = -1) -> Any:
        rows = np.moveaxis(x, axis, -1)
        (weights, lse), saved = step.forward(rows, None, np.isfinite(rows))
        return np.moveaxis(weights, -1, axis), (saved, lse, axis)

    def backward(d_out: Array, kept: Any) -> dict[str, Array]:
        saved, lse, axis = kept
        d_rows = step.backward((np.moveaxis(d_out, axis, -1), np.zeros(np.shape(lse))), saved).d_masked
        return {"d_x": np.moveaxis(d_rows, -1, axis)}

    return Pair(forward, backward)


def _after_decay(
    step: Any,
    params: Any,
    grads: Any,
    state: Any,
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.01,
    **rest: Any,
) -> Any:
    decayed = {key: (1 - lr * weight_decay) * x for key, x in params.items()}
    return step(decayed, grads, state, lr=lr, **rest)


def plant(rule: Rule, judged: Sequence[JudgedCase], rounding: Roundoff) -> Control:
    """Plant each fault of the rule in the judged cases, and one per cent in each tensor."""
    tensors = dict.fromkeys(name for case in judged for name in case.tensors)
    judged = sorted(judged, key=lambda case: -len(case.case.needs))  # many faults show with an option alone
    faults = (*faults_of(rule), *(_one_per_cent(rule, name) for name in tensors))
    return plant_each(faults, judged, rounding)


def plant_each(faults: Sequence[Theory], judged: Sequence[JudgedCase], rounding: Roundoff) -> Control:
    """Plant each fault in one judged case after another, until it is caught."""
    caught: list[CaughtFault] = []
    missed: list[str] = []
    below: list[str] = []
    for fault in faults:
        verdicts = (verdict for case in judged for verdict in _verdicts(fault, case))
        failed = next((verdict for verdict in verdicts if verdict.verdict == FAIL), None)
        if failed is not None:
            caught.append(CaughtFault(fault.name, failed))
        elif any(_changes(fault, case) for case in judged):
            (missed if fault_dtype(rounding) in fault.dtypes else below).append(fault.name)
    return Control(tuple(caught), tuple(missed), tuple(below))


def _one_per_cent(rule: Rule, tensor: str) -> Hypothesis:
    """The fault that one tensor is one per cent too large."""

    def more(x: Any) -> Any:
        return np.asarray(x) * 1.01

    def forward(*args: Any, **arguments: Any) -> Any:
        out, saved = rule.forward(*args, **arguments)
        named = zip(("out", "lse"), as_tuple(out), strict=False)
        changed = as_outputs(out, [more(x) if name == tensor else x for name, x in named])
        return changed, (saved, call_of(*rule[1:3], args, arguments))

    def backward(d_out: Any, saved: Any) -> Any:
        gradients = by_name(rule.backward(d_out, saved[0]), saved[1])
        return {
            f"d_{n}": more(x) if tensor == f"d_{n}" and x is not None else x for n, x in gradients.items()
        }

    return Hypothesis(f"{tensor}-one-per-cent-too-large", "", forward, backward)


def _verdicts(fault: Theory, case: JudgedCase) -> Iterator[Verdict]:
    """The verdicts on what a fault predicts for the judged tensors of a case."""
    predicted, right, kept = fault.results(case), case.expected.values, case.call.kept
    for name in predicted.keys() & case.tensors.keys():
        if np.array_equal(predicted[name], right[name]):
            continue
        allowed = case.expected.allowed(name)
        yield compare_tensor(case.case.name, name, kept.rounded(predicted[name]), right[name], allowed, kept)


def _changes(fault: Theory, case: JudgedCase) -> bool:
    """True if a fault changes a judged tensor by more than another order of summation does."""
    predicted, right = fault.results(case), case.expected.values
    names = predicted.keys() & case.tensors.keys()
    return any(not np.allclose(predicted[n], right[n], 1e-9, 1e-9, equal_nan=True) for n in names)


def explain(rule: Rule, judged: Sequence[JudgedCase]) -> str:
    """The explanation that gives the candidate's own numbers in the most cases; "" if none does in MOST."""
    others = [
        Hypothesis(text := f"right with {', '.join(f'{n}={x!r}' for n, x in changed.items())}", text,
                   rule.forward, rule.backward, changed)
        for changed in OTHER_VALUES.get(rule.name, ())
    ]  # fmt: skip
    fitting = closest((*faults_of(rule), *others), judged)
    return fitting[0].text if fitting else factors(judged) or _places(judged)


def closest(
    hypotheses: Sequence[AnyTheory], judged: Sequence[JudgedCase], left_open: float = LEFT_OPEN
) -> list[AnyTheory]:
    """The hypotheses that explain the wrong numbers in the most cases, if that is MOST of them."""
    wrong = [any(verdict.verdict == FAIL for verdict in case.verdicts) for case in judged]
    if not any(wrong):
        return []
    order = np.argsort(~np.array(wrong), kind="stable")  # failing cases first: most hypotheses end there
    ordered = [judged[n] for n in order]
    shares = [_share(each, ordered, sum(wrong), left_open) for each in hypotheses]
    best = max(shares, default=0.0)
    return [each for each, share in zip(hypotheses, shares, strict=True) if share == best >= MOST]


def _share(hypothesis: Theory, judged: Sequence[JudgedCase], failing: int, left_open: float) -> float:
    """The share of all cases, or of the failing ones if lower, that it explains; 0 once that is too low."""
    explained = []
    for case in judged:
        explained.append(_explains(hypothesis.results(case), case, left_open))
        if explained.count(False) > (1 - MOST) * failing:
            return 0.0
    return min(sum(explained) / len(explained), sum(explained[:failing]) / failing)


def _explains(predicted: dict[str, Array], case: JudgedCase, left_open: float) -> bool:
    return all(
        _near(case, tensor, predicted[tensor], left_open) for tensor in case.tensors if tensor in predicted
    )


def _near(case: JudgedCase, tensor: str, predicted: Array, left_open: float = LEFT_OPEN) -> bool:
    """True if the candidate's numbers are these, up to the bound and a small share of their deviation."""
    got, right = case.tensors[tensor].numbers, case.expected.values[tensor]
    if got.shape != predicted.shape:
        return False
    same = predicted.shape == right.shape
    with np.errstate(all="ignore"):
        deviation = left_open * np.abs(predicted - right if same else np.abs(predicted).max(initial=0))
        sizes = (
            float(np.abs(np.nan_to_num(x, neginf=0.0)).max(initial=0)) for x in case.expected.values.values()
        )
        allowed = case.expected.allowed(tensor) if same else left_open * left_open * max(sizes)
        near = np.abs(got - predicted) <= deviation + allowed
    return bool((near | (got == predicted) | (~np.isfinite(predicted) & ~np.isfinite(got))).all())


def factors(judged: Sequence[JudgedCase]) -> str:
    """ "d_x is 2 times the right one" for each wrong tensor that is a constant times the right one."""
    found = []
    for tensor in dict.fromkeys(v.tensor for case in judged for v in case.verdicts if v.verdict == FAIL):
        cases = [case for case in judged if tensor in case.tensors and case.expected.values[tensor].any()]
        pairs = [(case.tensors[tensor].numbers, case.expected.values[tensor]) for case in cases]
        if not pairs or any(got.shape != right.shape for got, right in pairs):
            continue
        with np.errstate(all="ignore"):
            got, right = (np.concatenate([np.ravel(pair[n]) for pair in pairs]) for n in (0, 1))
            factor = float(np.nanmedian((got / right)[right != 0]))
        if (
            np.isfinite(factor)
            and abs(factor - 1) > 1e-3
            and all(_near(c, tensor, factor * c.expected.values[tensor]) for c in cases)
        ):
            found.append(f"{tensor} is {factor:.6g} times the right one" if factor else f"{tensor} is 0")
    return "; ".join(found)


def _places(judged: Sequence[JudgedCase]) -> str:
    """The values, shape or option of the failing cases, where others are right."""
    failing = [c.case.name for c in judged if any(verdict.verdict == FAIL for verdict in c.verdicts)]
    if not failing:
        return ""
    kinds = dict.fromkeys(name.partition(", ")[2] for name in failing)
    passing = {c.case.name.partition(", ")[2] for c in judged if c.case.name not in failing}
    if len(kinds) <= 4 and not passing & {*kinds}:
        return f"wrong only with {'; '.join(kinds)}"
    return f"wrong only in {'; '.join(failing)}" if len(failing) <= 4 else ""
