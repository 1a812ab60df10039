"""Attention stage by stage: the seven steps forward (down), and the same seven backward (up).

The kernel's own steps run and are traced, not reimplemented. Each gradient is compared with the complex
step, and each step with the laws it must keep. Step 0, if there is one, makes query, key and value.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients, AttentionSaved
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array, quiet
from ..functional.base.arrays import Pair
from . import plain_lines
from .derivatives import Derivative, derivative, directional
from .example import SCORES, WalkExample
from .law_results import StepEvidence, check_step_laws
from .score_step import loss_cotangent, loss_inputs, score_pair
from .source import arrays_read, equation
from .stage import Stage, build_stage, skipped_stage
from .step_0 import step_0
from .step_laws import DOWN, UP
from .trace import RESULTS, AttentionTrace, array_arguments, largest_magnitude, trace_attention


class Walk(NamedTuple):
    """Seven stages down, seven up, and the results of attention itself.

    Where query, key and value are made of tokens, `down` begins and `up` ends with step 0.
    """

    example: WalkExample
    down: tuple[Stage, ...]
    up: tuple[Stage, ...]
    out: Array
    saved: AttentionSaved
    gradients: AttentionGradients

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, down and then up."""
        return (*self.down, *self.up)

    @property
    def ok(self) -> bool:
        """True if every stage is right."""
        return all(stage.ok for stage in self.stages)


@quiet
def walk(
    example: WalkExample, *, steps: Steps = STEPS, score: Pair | None = None, like: Walk | None = None
) -> Walk:
    """Walk an example through the seven steps and back.

    Parameters
    ----------
    example : from `study.example.build_example`.
    steps : the seven pairs; STEPS._replace(…) shows another convention, or a planted fault.
    score : a pair with the signature of the example's score, used instead of it; None: the score's own pair.
    like : the right walk of the same example, for speed: its stages are used where nothing differs, and its
        complex steps where only a backward does; after another forward, gradients are compared with the
        complex step along one direction, not entry by entry.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> walked = walk(build_example())
    >>> walked.ok, walked.down[4].name
    (True, 'softmax')
    >>> walked.down[4].results["weights"].round(4)
    array([[0.6698, 0.3302, 0.    ],
           [0.3177, 0.6443, 0.0381]])
    >>> print(walked.down[3].source)
    masked = biased if visible is None else np.where(visible, biased, -np.inf)
    """
    trace = trace_attention(example, steps._replace(score=score or score_pair(example, steps)))
    trace = trace._replace(differentiate=derivative if like is None else directional)
    evidence = trace.evidence()
    kept = {} if like is None else _unchanged(trace, like, evidence)
    right = {} if like is None or not _right_forward(trace) else {stage.name: stage for stage in like.up}
    down = tuple(kept.get(("down", name)) or _down(trace, name, evidence) for name in Steps._fields)
    up = tuple(
        kept.get(("up", name)) or _up(trace, name, evidence, right.get(name))
        for name in reversed(Steps._fields)
    )
    first, last = step_0(trace)
    return Walk(example, first + down, up + last, trace.out, trace.saved, trace.gradients)


# ----------------------------------------------------------------------------------------------- stages


def _unchanged(trace: AttentionTrace, like: Walk, evidence: StepEvidence) -> dict[tuple[str, str], Stage]:
    """The stages of `like` whose functions are the right ones, on the same arrays, by direction and name."""
    pairs = _beside_right(trace)
    kept = {}
    for stage in (stage for stage in like.down if stage.number and not stage.skipped):
        inputs = array_arguments(trace.down[stage.name].arguments)
        if pairs[stage.name][0].forward is pairs[stage.name][1].forward and all(
            np.array_equal(x, inputs[name]) for name, x in stage.inputs.items()
        ):
            kept["down", stage.name] = stage
    if not _right_forward(trace):
        return kept
    for stage in (stage for stage in like.up if stage.number and not stage.skipped):
        d, (own, other) = f"d_{RESULTS[stage.name]}", pairs[stage.name]
        if own.backward is other.backward and np.array_equal(stage.inputs[d], evidence[d]):
            kept["up", stage.name] = stage
    return kept


def _beside_right(trace: AttentionTrace) -> dict[str, tuple[Pair, Pair]]:
    """Step -> its pair, and the right one."""
    right = STEPS._replace(score=score_pair(trace.example, STEPS))
    return {name: (getattr(trace.steps, name), getattr(right, name)) for name in Steps._fields}


def _right_forward(trace: AttentionTrace) -> bool:
    return all(own.forward is other.forward for own, other in _beside_right(trace).values())


def _down(trace: AttentionTrace, name: str, evidence: StepEvidence) -> Stage:
    call = trace.down[name]
    if trace.skipped(name):
        return skipped_stage(name)
    results = {RESULTS[name]: trace.result(name)}
    if name == "softmax":
        results["lse"] = trace.saved.lse
    evidence = replace(evidence, magnitude=largest_magnitude(results.values()))
    laws = check_step_laws(DOWN.get(name, ()), evidence)
    stage = build_stage(name, call, array_arguments(call.arguments), results, {}, laws)
    return _with_equation(stage, trace, plain_lines.DOWN)


def _up(trace: AttentionTrace, name: str, evidence: StepEvidence, right: Stage | None) -> Stage:
    call = trace.up[name]
    if trace.skipped(name):
        return skipped_stage(name)
    gradients, magnitude = trace.step_gradients(name), trace.magnitude(name)
    known = {} if right is None else right.derivatives
    derivatives = {
        d: known[d]._replace(ours=ours)
        if d in known and known[d].exact.shape == ours.shape
        else _derivative(trace, name, d, ours, magnitude)
        for d, ours in gradients.items()
    }
    argument, cotangent = next(iter(array_arguments(call.arguments).items()))
    d = f"d_{RESULTS[name]}"  # a score's own backward calls it d_out
    inputs = {d: evidence[d]} | ({} if cotangent.shape == evidence[d].shape else {f"Σ_l {d}": cotangent})
    if name == "softmax" and trace.example.d_lse is not None:
        inputs["d_lse"] = trace.example.d_lse
    inputs |= {read: x for read, x in arrays_read(call).items() if read != argument}
    laws = check_step_laws(UP[name], replace(evidence, magnitude=magnitude))
    stage = build_stage(name, call, inputs, gradients, derivatives, laws)
    return _with_equation(stage, trace, plain_lines.UP)


def _with_equation(stage: Stage, trace: AttentionTrace, direction: int) -> Stage:
    """The stage with its right equation, and what the function that ran states if it is another one."""
    example, name = trace.example, stage.name
    right = score_pair(example, STEPS) if name == "score" else getattr(STEPS, name)
    functions = (right[direction], getattr(trace.steps, name)[direction])
    own, ran = (equation(function) for function in functions)
    options = {option for option, given in example.options.items() if given is not None}
    options |= set() if example.d_lse is None else {"d_lse"}
    is_dot = not SCORES[example.score].rule
    plain = plain_lines.plain_line(name, direction, frozenset(options))
    right_one = plain if is_dot or name != "score" else own
    return stage._replace(equation=right_one, stated="" if ran == own else ran)


def _derivative(trace: AttentionTrace, step: str, d: str, ours: Array, magnitude: float) -> Derivative:
    """A step's gradient `d` beside the complex step of the array it belongs to."""
    example, steps, name = trace.example, trace.steps, d.removeprefix("d_")
    step_of = {result: step for step, result in RESULTS.items()}
    if name in step_of:
        before = step_of[name]

        def output_from(x: Array) -> Array:
            return loss_inputs(example, steps, {before: x})

        free = trace.visible if before in ("softmax", "dropout") else None  # hidden weights stay 0
        return trace.differentiate(
            ours, trace.result(before), output_from, loss_cotangent(example), magnitude, free
        )
    field, x = _argument(example, step, name)

    def output(x: Array) -> Array:
        return loss_inputs(_with_array(example, field, name, x), steps)

    return trace.differentiate(ours, x, output, loss_cotangent(example), magnitude)


def _argument(example: WalkExample, step: str, name: str) -> tuple[str, Array]:
    """The field of an example that holds a step's argument, and the argument."""
    if step == "score" and name in example.parameters:
        return "parameters", example.parameters[name]
    if name in example.options:
        return "options", np.asarray(example.options[name])
    field = "key" if name == "x" else name  # location scores call the key x
    return field, getattr(example, field)


def _with_array(example: WalkExample, field: str, name: str, x: Array) -> WalkExample:
    old = getattr(example, field)
    new: dict[str, Any] = {field: old | {name: x} if isinstance(old, dict) else x}
    return example._replace(**new)
