"""Attention stage by stage: the seven steps forward (down), and the same seven backward (up).

The kernel's own steps run and are traced, not reimplemented. Each gradient is compared with the complex
step, and each step with the laws it must keep. Step 0, if there is one, makes query, key and value.
"""

from collections.abc import Callable
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
from .law_results import LawResult, StepEvidence, check_step_laws
from .line_trace import LineTrace, traced
from .projection import project_backward, project_forward
from .score_step import loss_cotangent, loss_inputs, score_pair
from .source import NO_SOURCE, Source, arrays_read, equation, intermediate_arrays, math_source
from .step_laws import DOWN, UP
from .trace import RESULTS, AttentionTrace, array_arguments, largest_magnitude, trace_attention

NUMBERS = {name: n for n, name in enumerate(("project", *Steps._fields))}
"""Step -> its number."""

PROJECTED = ("query", "key", "value")


class Stage(NamedTuple):
    """One step, down or up: its equation, inputs, intermediate arrays and results.

    `equation` is the right one, the plain line of the README's table where the score is dot; `stated` what
    another function that ran says of itself, "" if the right one ran. `derivatives` has an entry for each
    of a backward step's `results`. A `skipped` step belongs to an option that is not used, and passes its
    input on. Step 0 has no laws.
    """

    number: int
    name: str
    equation: str
    stated: str
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
    like : the right walk of the same example, for speed: its stages are used where nothing differs, and other
        gradients are compared with the complex step along one direction, not entry by entry.

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
    down = tuple(kept.get(("down", name)) or _down(trace, name, evidence) for name in Steps._fields)
    up = tuple(kept.get(("up", name)) or _up(trace, name, evidence) for name in reversed(Steps._fields))
    first, last = _step_0(trace)
    return Walk(example, first + down, up + last, trace.out, trace.saved, trace.gradients)


# ----------------------------------------------------------------------------------------------- stages


def _unchanged(trace: AttentionTrace, like: Walk, evidence: StepEvidence) -> dict[tuple[str, str], Stage]:
    """The stages of `like` whose functions are the right ones, on the same arrays, by direction and name."""
    right = STEPS._replace(score=score_pair(trace.example, STEPS))
    pairs = {name: (getattr(trace.steps, name), getattr(right, name)) for name in Steps._fields}
    kept = {}
    for stage in (stage for stage in like.down if stage.number and not stage.skipped):
        inputs = array_arguments(trace.down[stage.name].arguments)
        if pairs[stage.name][0].forward is pairs[stage.name][1].forward and all(
            np.array_equal(x, inputs[name]) for name, x in stage.inputs.items()
        ):
            kept["down", stage.name] = stage
    if any(own.forward is not other.forward for own, other in pairs.values()):
        return kept
    for stage in (stage for stage in like.up if stage.number and not stage.skipped):
        d, (own, other) = f"d_{RESULTS[stage.name]}", pairs[stage.name]
        if own.backward is other.backward and np.array_equal(stage.inputs[d], evidence[d]):
            kept["up", stage.name] = stage
    return kept


def _down(trace: AttentionTrace, name: str, evidence: StepEvidence) -> Stage:
    call = trace.down[name]
    if trace.skipped(name):
        return _skipped_stage(name)
    results = {RESULTS[name]: trace.result(name)}
    if name == "softmax":
        results["lse"] = trace.saved.lse
    evidence = replace(evidence, magnitude=largest_magnitude(results.values()))
    laws = check_step_laws(DOWN.get(name, ()), evidence)
    stage = _stage(name, call, array_arguments(call.arguments), results, {}, laws)
    return _with_equation(stage, trace, plain_lines.DOWN)


def _up(trace: AttentionTrace, name: str, evidence: StepEvidence) -> Stage:
    call = trace.up[name]
    if trace.skipped(name):
        return _skipped_stage(name)
    gradients, magnitude = trace.step_gradients(name), trace.magnitude(name)
    derivatives = {d: _derivative(trace, name, d, ours, magnitude) for d, ours in gradients.items()}
    argument, cotangent = next(iter(array_arguments(call.arguments).items()))
    d = f"d_{RESULTS[name]}"  # a score's own backward calls it d_out
    inputs = {d: evidence[d]} | ({} if cotangent.shape == evidence[d].shape else {f"Σ_l {d}": cotangent})
    if name == "softmax" and trace.example.d_lse is not None:
        inputs["d_lse"] = trace.example.d_lse
    inputs |= {read: x for read, x in arrays_read(call).items() if read != argument}
    laws = check_step_laws(UP[name], replace(evidence, magnitude=magnitude))
    stage = _stage(name, call, inputs, gradients, derivatives, laws)
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


def _stage(
    name: str,
    call: LineTrace,
    inputs: dict[str, Array],
    results: dict[str, Array],
    derivatives: dict[str, Derivative],
    laws: tuple[LawResult, ...],
) -> Stage:
    shown = {id(x) for x in (*call.arguments.values(), *inputs.values(), *results.values())}
    intermediates = {
        local: x
        for local, x in intermediate_arrays(call).items()
        if local not in (*results, "out") and id(x) not in shown
    }
    return Stage(
        NUMBERS[name], name, equation(call.function), "", inputs, intermediates, results,
        derivatives, math_source(call), laws, skipped=False,
    )  # fmt: skip


def _skipped_stage(name: str) -> Stage:
    return Stage(NUMBERS[name], name, "", "", {}, {}, {}, {}, NO_SOURCE, (), skipped=True)


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


# ----------------------------------------------------------------------------------------------- step 0


def _step_0(trace: AttentionTrace) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The stage that makes query, key and value of tokens, and its backward; both empty without tokens."""
    example, gradients = trace.example, trace.gradients
    if example.shared:
        return _shared_tokens(trace)
    if example.projection is None:
        return (), ()
    calls: list[LineTrace] = []
    made = traced(project_forward, calls.append)(example.projection)
    d_made = (gradients.d_query, gradients.d_key, gradients.d_value)
    found = traced(project_backward, calls.append)(*d_made, example.projection)
    inputs = array_arguments(example.projection._asdict())
    magnitude = trace.magnitude("score") * max(1.0, largest_magnitude(inputs.values()))
    results = {name: x for name, x in found._asdict().items() if x is not None}
    derivatives = {
        name: trace.differentiate(ours, *_of_projection(trace, name), loss_cotangent(example), magnitude)
        for name, ours in results.items()
    }
    tokens = {name: x for name, x in inputs.items() if name in ("x", "memory")}
    d_inputs = array_arguments(dict(zip(("d_query", "d_key", "d_value"), d_made, strict=True))) | tokens
    down = _stage("project", calls[0], inputs, dict(zip(PROJECTED, made, strict=True)), {}, ())
    up = _stage("project", calls[1], d_inputs, results, derivatives, ())
    plain = plain_lines.STEP_0["memory" if "memory" in inputs else "x"]
    return (down._replace(equation=plain[plain_lines.DOWN]),), (up._replace(equation=plain[plain_lines.UP]),)


def _of_projection(trace: AttentionTrace, name: str) -> tuple[Array, Callable[[Array], Array]]:
    """The array that a gradient of step 0 belongs to, and what the loss depends on as a function of it."""
    projection = trace.example.projection
    assert projection is not None
    part = name.removeprefix("from_")  # from_key: x, or memory, as far as it is used in key
    tokens = "x" if projection.memory is None or part == "query" else "memory"
    field = tokens if part in PROJECTED else name.removeprefix("d_")

    def function(x: Array) -> Array:
        changed: dict[str, Any] = {field: x}
        made: dict[str, Any] = dict(
            zip(PROJECTED, project_forward(projection._replace(**changed)), strict=True)
        )
        used = {part: made[part]} if part in PROJECTED else made
        return loss_inputs(trace.example._replace(**used), trace.steps)

    return getattr(projection, field), function


def _shared_tokens(trace: AttentionTrace) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """Step 0 of tokens h that are query, key and value at once."""
    example, gradients = trace.example, trace.gradients

    def function(x: Array) -> Array:
        return loss_inputs(example._replace(query=x, key=x, value=x), trace.steps)

    ours = gradients.d_query + gradients.d_key + gradients.d_value
    cotangent, magnitude = loss_cotangent(example), trace.magnitude("score")
    d_h = trace.differentiate(ours, example.query, function, cotangent, magnitude)
    used = "h is query, key and value at once"
    down = Stage(0, "tokens", used, "", {}, {}, {}, {}, NO_SOURCE, (), skipped=False)
    text = f"{used}: d_h = d_query + d_key + d_value"
    return (down,), (down._replace(equation=text, results={"d_h": ours}, derivatives={"d_h": d_h}),)
