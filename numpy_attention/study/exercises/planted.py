"""The planted faults of `check`, as wrong answers to an exercise.

Every one that changes a result in some case must be caught by the cases before a submission can pass.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ...check.faults import FAULTS, Fault, fault
from ...check.outside.expected import right_values
from ...check.outside.explaining import faults_of
from ...check.pairs.function_rules import FUNCTIONS
from ...functional.attention.steps import STEPS, SoftmaxStepSaved
from ...functional.base.admission import Array
from ...functional.masks.builders import visible as mask_of
from .exercise import Named

Answers = dict[str, Callable[..., Named]]
"""Wrong answers by the names of the faults."""

WITHOUT_OPTIONS = ("scale", "softmax", "learner", "maximum", "lse", "mask", "products")
"""The families of faults that show in attention with a mask and no other option."""


WORDS = {
    "d-key-from-weights": "The gradient of the keys is made of the weights, not of d_scores.",
    "d-value-untransposed": "The weights are not transposed, in the gradient of the values.",
    "d-key-untransposed": "d_scores is not transposed, in the gradient of the keys.",
    "weights-minus-d-weights": "d_weights is subtracted from the weights, as if this were a cross-entropy.",
}
"""Faults whose statement is a formula, in words."""


def in_words(name: str) -> str:
    """The statement of a fault up to its formula; "" if there is nothing before it."""
    if name in WORDS or name not in {each.name for each in FAULTS}:
        return WORDS.get(name, "")
    words = fault(name).statement.partition(": ")[0].rstrip(".")
    return "" if re.search(r"[=@*]|\w\(", words) else f"{words}."


def _in_step(step: str) -> list[Fault]:
    return [fault for fault in FAULTS if fault.steps and getattr(fault.steps, step) != getattr(STEPS, step)]


def in_softmax_backward() -> Answers:
    """Faults in the backward of step 5."""

    def answer(step: Any) -> Callable[..., Named]:
        def wrong(d_weights: Array, weights: Array) -> Named:
            saved = SoftmaxStepSaved(weights, None, None, None)
            return {"d_scores": step.backward((d_weights, np.zeros(len(weights))), saved).d_masked}

        return wrong

    return {fault.name: answer(fault.steps.softmax) for fault in _in_step("softmax") if fault.steps}


def in_values_backward() -> Answers:
    """Faults in the backward of step 7."""

    def answer(step: Any) -> Callable[..., Named]:
        def wrong(d_out: Array, weights: Array, value: Array) -> Named:
            found = step.backward(d_out, step.forward(weights, value)[1])
            return {"d_weights": found.d_thinned, "d_value": found.d_value}

        return wrong

    return {fault.name: answer(fault.steps.values) for fault in _in_step("values") if fault.steps}


def in_score(*, backward: bool) -> Answers:
    """Faults in step 1, or in its backward."""

    def answer(step: Any) -> Callable[..., Named]:
        def scores(query: Array, key: Array) -> Named:
            return {"scores": step.forward(query, key, query.shape[-1] ** -0.5)[0]}

        def wrong(d_scores: Array, query: Array, key: Array) -> Named:
            found = step.backward(d_scores, step.forward(query, key, query.shape[-1] ** -0.5)[1])
            return {"d_query": found.d_query, "d_key": found.d_key}

        return wrong if backward else scores

    return {fault.name: answer(fault.steps.score) for fault in _in_step("score") if fault.steps}


def in_groups() -> Answers:
    """Faults of grouped heads in the backward of step 1, without a scale."""

    def answer(step: Any) -> Callable[..., Named]:
        def wrong(d_scores: Array, query: Array, key: Array) -> Named:
            found = step.backward(d_scores, step.forward(query, key, 1.0)[1])
            return {"d_query": found.d_query, "d_key": found.d_key}

        return wrong

    return {fault.name: answer(fault.steps.score) for fault in _in_step("score") if fault.steps}


def in_attention(*, backward: bool) -> Answers:
    """Faults anywhere in attention, which change its output or its gradients."""

    def answer(pair: Any) -> Callable[..., Named]:
        def out(query: Array, key: Array, value: Array, visible: Array) -> Named:
            return {"out": pair.forward(query, key, value, mask=mask_of(visible))[0]}

        def wrong(d_out: Array, query: Array, key: Array, value: Array, visible: Array) -> Named:
            _, saved = pair.forward(query, key, value, mask=mask_of(visible))
            found = pair.backward(d_out, saved)
            return {"d_query": found.d_query, "d_key": found.d_key, "d_value": found.d_value}

        return wrong if backward else out

    return {fault.name: answer(fault.pair) for fault in FAULTS if fault.family in WITHOUT_OPTIONS}


def in_softmax() -> Answers:
    """Faults in the softmax of rows."""

    def answer(fault: Any) -> Callable[..., Named]:
        return lambda x: {"weights": fault.forward(x)[0]}

    return {fault.name: answer(fault) for fault in faults_of(_rule("softmax"))}


def in_rule(name: str, call: Callable[..., tuple[dict[str, Any], Any]], *results: str) -> Answers:
    """Faults of a rule; `call` turns the exercise's arguments into the forward's, and a cotangent."""

    def answer(fault: Any) -> Callable[..., Named]:
        def wrong(**arguments: Any) -> Named:
            of_rule, d_out = call(**arguments)
            found = right_values(fault.forward, fault.backward, of_rule, (np.asarray(d_out),))
            return {result: found[result] for result in results}

        return wrong

    return {fault.name: answer(fault) for fault in faults_of(_rule(name))}


def in_adam() -> Answers:
    """Faults of Adam's step."""
    return {fault.name: adam_answer(fault.pair.forward) for fault in FAULTS if fault.rule == "adam"}


def adam_answer(step: Callable[..., Any]) -> Callable[..., Named]:
    """One step of an optimizer on dicts, as the exercise asks for it."""

    def answer(
        param: Array, grad: Array, first: Array, second: Array, t: int, lr: float, beta1: float, beta2: float,
        eps: float,
    ) -> Named:  # fmt: skip
        before = {"step": t - 1, "first_moment": {"w": first}, "second_moment": {"w": second}}
        params, state = step({"w": param}, {"w": grad}, before, lr=lr, betas=(beta1, beta2), eps=eps)
        return {
            "param": params["w"],
            "first": state["first_moment"]["w"],
            "second": state["second_moment"]["w"],
        }

    return answer


def _rule(name: str) -> Any:
    return next(rule for rule in FUNCTIONS if rule.name == name)
