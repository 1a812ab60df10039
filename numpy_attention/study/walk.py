"""Attention stage by stage: the seven steps forward (down), and the same seven backward (up).

The kernel's own steps run and are traced, not reimplemented. Each gradient is compared with the complex
step, and each step with the laws it must keep.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients, AttentionSaved
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array, quiet
from ..functional.base.arrays import Pair
from .derivatives import Derivative, derivative
from .example import WalkExample
from .line_trace import LineTrace
from .score_step import attention_output, score_pair
from .source import NO_SOURCE, Source, arrays_read, equation, intermediate_arrays, math_source
from .step_laws import DOWN, UP, LawResult, StepEvidence, check_step_laws
from .trace import RESULTS, AttentionTrace, array_arguments, largest_magnitude, trace_attention


class Stage(NamedTuple):
    """One step, down or up: its equation, inputs, intermediate arrays and results.

    `derivatives` has an entry for each of a backward step's `results`. A `skipped` step belongs to an option
    that is not used: it passes its input on.
    """

    number: int
    name: str
    equation: str
    inputs: dict[str, Array]
    intermediates: dict[str, Array]
    results: dict[str, Array]
    derivatives: dict[str, Derivative]
    source: Source
    laws: tuple[LawResult, ...]
    skipped: bool

    @property
    def ok(self) -> bool:
        """True if every gradient agrees with the complex step and every law holds."""
        return all(x.ok for x in self.derivatives.values()) and all(x.ok for x in self.laws)


class Walk(NamedTuple):
    """Seven stages down, seven up, and the results of attention itself.

    `tokens` is the gradient of tokens that serve as query, key and value at once, or None.
    """

    example: WalkExample
    down: tuple[Stage, ...]
    up: tuple[Stage, ...]
    tokens: Derivative | None
    out: Array
    saved: AttentionSaved
    gradients: AttentionGradients

    @property
    def ok(self) -> bool:
        """True if every stage, and the gradient of the tokens, is right."""
        return all(stage.ok for stage in (*self.down, *self.up)) and (self.tokens is None or self.tokens.ok)


@quiet
def walk(example: WalkExample, *, steps: Steps = STEPS, score: Pair | None = None) -> Walk:
    """Walk an example through the seven steps and back.

    Parameters
    ----------
    example : from `study.example.build_example`.
    steps : the seven pairs; STEPS._replace(…) shows another convention, or a planted fault.
    score : a pair with the signature of the example's score, used instead of it; None: the score's own pair.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> walked = walk(build_example())
    >>> walked.ok, walked.down[4].name
    (True, 'softmax')
    >>> walked.down[4].results["weights"].round(4)
    array([[1.    , 0.    , 0.    ],
           [0.6698, 0.3302, 0.    ],
           [0.3177, 0.6443, 0.0381]])
    >>> print(walked.down[3].source)
    masked = biased if visible is None else np.where(visible, biased, -np.inf)
    """
    trace = trace_attention(example, steps._replace(score=score or score_pair(example, steps)))
    evidence = trace.evidence()
    down = tuple(_down(trace, name, evidence) for name in Steps._fields)
    up = tuple(_up(trace, name, evidence) for name in reversed(Steps._fields))
    tokens = _tokens_derivative(trace) if example.shared else None
    return Walk(example, down, up, tokens, trace.out, trace.saved, trace.gradients)


# ----------------------------------------------------------------------------------------------- stages


def _down(trace: AttentionTrace, name: str, evidence: StepEvidence) -> Stage:
    call = trace.down[name]
    if trace.skipped(name):
        return _skipped_stage(name)
    results = {RESULTS[name]: trace.result(name)}
    if name == "softmax":
        results["lse"] = trace.saved.lse
    evidence = replace(evidence, magnitude=largest_magnitude(results.values()))
    laws = check_step_laws(DOWN.get(name, ()), evidence)
    return _stage(name, call, array_arguments(call.arguments), results, {}, laws)


def _up(trace: AttentionTrace, name: str, evidence: StepEvidence) -> Stage:
    call = trace.up[name]
    if trace.skipped(name):
        return _skipped_stage(name)
    gradients, magnitude = trace.step_gradients(name), trace.magnitude(name)
    derivatives = {d: _derivative(trace, name, d, ours, magnitude) for d, ours in gradients.items()}
    argument, cotangent = next(iter(array_arguments(call.arguments).items()))
    d = f"d_{RESULTS[name]}"  # a score's own backward calls it d_out
    inputs = {d: evidence[d]} | ({} if cotangent.shape == evidence[d].shape else {f"Σ_l {d}": cotangent})
    inputs |= {read: x for read, x in arrays_read(call).items() if read != argument}
    laws = check_step_laws(UP[name], replace(evidence, magnitude=magnitude))
    return _stage(name, call, inputs, gradients, derivatives, laws)


def _stage(
    name: str,
    call: LineTrace,
    inputs: dict[str, Array],
    results: dict[str, Array],
    derivatives: dict[str, Derivative],
    laws: tuple[LawResult, ...],
) -> Stage:
    shown = {id(x) for x in (*call.arguments.values(), *results.values())}
    intermediates = {
        local: x
        for local, x in intermediate_arrays(call).items()
        if local not in (*results, "out") and id(x) not in shown
    }
    return Stage(
        Steps._fields.index(name) + 1, name, equation(call.function), inputs, intermediates, results,
        derivatives, math_source(call), laws, skipped=False,
    )  # fmt: skip


def _skipped_stage(name: str) -> Stage:
    return Stage(Steps._fields.index(name) + 1, name, "", {}, {}, {}, {}, NO_SOURCE, (), skipped=True)


def _derivative(trace: AttentionTrace, step: str, d: str, ours: Array, magnitude: float) -> Derivative:
    """A step's gradient `d` beside the complex step of the array it belongs to."""
    example, steps, name = trace.example, trace.steps, d.removeprefix("d_")
    step_of = {result: step for step, result in RESULTS.items()}
    if name in step_of:
        before = step_of[name]

        def output_from(x: Array) -> Array:
            return attention_output(example, steps, {before: x})

        free = trace.visible if before in ("softmax", "dropout") else None  # hidden weights stay 0
        return derivative(ours, trace.result(before), output_from, example.d_out, magnitude, free)
    field, x = _argument(example, step, name)

    def output(x: Array) -> Array:
        return attention_output(_with_array(example, field, name, x), steps)

    return derivative(ours, x, output, example.d_out, magnitude)


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


def _tokens_derivative(trace: AttentionTrace) -> Derivative:
    """d_h = d_query + d_key + d_value, for tokens h that are query, key and value at once."""
    example, gradients = trace.example, trace.gradients

    def output(x: Array) -> Array:
        return attention_output(example._replace(query=x, key=x, value=x), trace.steps)

    ours = gradients.d_query + gradients.d_key + gradients.d_value
    return derivative(ours, example.query, output, example.d_out, trace.magnitude("score"))
