"""Which checks detect a fault: the laws, the complex step, the comparison with the right pair.

A wrong forward with a backward that agrees with it passes the complex step, and a scale that is wrong in
both gradients passes most laws; the comparison with the right pair detects both.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.attention.attend import attend_backward, attend_forward
from ...functional.attention.attention import attention_backward, attention_forward
from ...functional.base.admission import Array, quiet
from ...functional.base.arrays import Pair
from ...optim.adam import adam_init, adam_step, adamw_step
from ..laws.arguments import CallSpec
from ..laws.laws import laws
from ..pairs.calls import as_tuple, call_of, like_outputs
from ..pairs.differentiation import check_vjp
from ..pairs.examples import Example
from ..pairs.function_rules import FUNCTIONS
from ..reference.inputs import Inputs
from .fault import Fault
from .small_problems import PROBLEMS

DERIVATIVES = ("derivative of forward", "each element")
MEMORY = ("arguments unchanged", "same bits on a second call", "no memory shared")
"""How those findings of `check_vjp` begin that concern derivatives, and memory."""


class Detection(NamedTuple):
    """The checks that detect a fault.

    `laws` are the numbers of the broken ones. `derivative`: backward is not the derivative of forward.
    `numbers`: results differ from the right pair's. `memory`: a call changes or shares memory of others.
    """

    laws: tuple[int, ...]
    derivative: bool
    numbers: bool
    memory: bool


class Comparison(NamedTuple):
    """A fault's pair, the right one, and the arguments for both."""

    wrong: Pair
    right: Pair
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@quiet
def detect(fault: Fault, problems: Collection[Inputs] = PROBLEMS.values()) -> Detection:
    """The checks that detect a fault, on these problems or its rule's examples, where it is active.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> detect(fault("scale-missing")).derivative, detect(fault("scale-twice")).derivative
    (False, True)
    """
    if fault.pair.backward is None:
        return Detection((), derivative=False, numbers=_trajectory_differs(fault), memory=False)
    broken = laws_broken_by(fault, problems)
    if fault.rule == "attention":
        active = [problem for problem in problems if fault.active(problem)]
        right = _with_all_results(Pair(attention_forward, attention_backward))
        wrong = _with_all_results(fault.pair)
        calls = [Comparison(wrong, right, p.arguments, p.keywords) for p in active[:4]]
    else:
        rule = next(rule for rule in FUNCTIONS if rule.name == fault.rule)
        right = Pair(rule.forward, rule.backward)
        examples = [example for example in rule.examples if _is_active(fault, example)]
        calls = [Comparison(fault.pair, right, each.args, each.kwargs) for each in examples]
    failed = {
        finding.check
        for call in calls
        for finding in check_vjp(*call.wrong, call.args, call.kwargs, strict=True).failures
    }
    return Detection(
        tuple(sorted(broken)),
        derivative=any(check.startswith(DERIVATIVES) for check in failed),
        numbers=any(map(_differs, calls)),
        memory=any(check.startswith(MEMORY) for check in failed),
    )


def _is_active(fault: Fault, example: Example) -> bool:
    return fault.active(call_of(*fault.pair, example.args, example.kwargs).arguments)


# -------------------------------------------------------------------------------------------- attention


def _with_all_results(pair: Pair) -> Pair:
    """Attention that returns out, weights and lse."""

    def forward(query: Array, key: Array, value: Array, **options: Any) -> tuple[Any, Any]:
        out, saved = pair.forward(query, key, value, **options)
        return (out, np.asarray(saved.weights), np.asarray(saved.lse)), saved

    def backward(d: tuple[Any, Any, Any], saved: Any) -> Any:
        return pair.backward(d[0], saved, d_weights=d[1], d_lse=d[2])

    return Pair(forward, backward)


@quiet
def laws_broken_by(fault: Fault, problems: Collection[Inputs] = PROBLEMS.values()) -> set[int]:
    """The numbers of the laws that a fault breaks on the problems where it is active."""
    if not fault.concerns_laws:
        return set()
    active = [problem for problem in problems if fault.active(problem)]
    return set().union(*(_broken(fault, problem) for problem in active))


def _broken(fault: Fault, problem: Inputs) -> set[int]:
    pair, options, cotangents = fault.pair, problem.keywords, problem.cotangents
    out, saved = pair.forward(*problem.arguments, **options)
    assert problem.d_out is not None
    d_out = problem.d_out
    gradients = pair.backward(d_out, saved, **cotangents)._asdict()
    if fault.steps is not None:
        rest = {name: x for name, x in options.items() if name != "scale"}
        _, from_scores = attend_forward(saved.scores, problem.value, **rest, steps=fault.steps)
        gradients["d_scores"] = attend_backward(d_out, from_scores, **cotangents).d_scores

    def again(query: Array, key: Array, value: Array, **changed: Any) -> tuple[Any, Any]:
        out, saved = pair.forward(query, key, value, **changed)
        return out, np.asarray(saved.lse)

    spec = CallSpec(**options, **cotangents, lse=np.asarray(saved.lse), weights=np.asarray(saved.weights))
    report = laws(*problem.arguments, out, d_out, gradients, spec, again=again)
    return {int(finding.check.split()[1].rstrip(",")) for finding in report.failures}


# --------------------------------------------------------------------------------------------- numbers


def _differs(call: Comparison) -> bool:
    """True if output or gradients differ from the right pair's by more than rounding."""
    wrong, right = _results(call.wrong, call), _results(call.right, call)
    return any(not _is_close(x, y) for x, y in zip(wrong, right, strict=True))


def _results(pair: Pair, call: Comparison) -> list[Any]:
    args = [x.copy(order="K") if isinstance(x, np.ndarray) else x for x in call.args]
    out, saved = pair.forward(*args, **call.kwargs)
    cotangents = like_outputs(out, lambda x: np.random.default_rng(x.shape).standard_normal(x.shape))
    gradients = as_tuple(pair.backward(cotangents, saved))
    return [np.array(x) for x in (*as_tuple(out), *gradients) if isinstance(x, (np.ndarray, np.floating))]


def _is_close(x: Array, y: Array) -> bool:
    size = float(np.abs(y[np.isfinite(y)]).max(initial=0)) or 1.0
    return x.shape == y.shape and np.allclose(x, y, rtol=1e-9, atol=1e-10 * size, equal_nan=True)


def _trajectory_differs(fault: Fault) -> bool:
    """True if Adam's parameters differ after some steps with small and large gradients."""
    right = adamw_step if fault.rule == "adamw" else adam_step
    rng = np.random.default_rng(0)
    start = {"w": rng.standard_normal(5)}
    ours, theirs = (start, adam_init(start)), (start, adam_init(start))
    for size in (1.0, 1e-4, 1e-7, 10.0):
        grads = {"w": size * rng.standard_normal(5)}
        ours = fault.pair.forward(ours[0], grads, ours[1], lr=0.1)
        theirs = right(theirs[0], grads, theirs[1], lr=0.1)
    return not _is_close(ours[0]["w"], theirs[0]["w"])
