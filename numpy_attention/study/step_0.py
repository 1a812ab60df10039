"""Step 0: query, key and value made of tokens, and the gradients of tokens and matrices."""

from collections.abc import Callable
from typing import Any

from ..functional.base.admission import Array
from . import plain_lines
from .line_trace import LineTrace, traced
from .projection import project_backward, project_forward
from .score_step import loss_cotangent, loss_inputs
from .source import NO_SOURCE
from .stage import Stage, build_stage
from .trace import AttentionTrace, array_arguments, largest_magnitude

PROJECTED = ("query", "key", "value")


def step_0(trace: AttentionTrace) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
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
    down = build_stage("project", calls[0], inputs, dict(zip(PROJECTED, made, strict=True)), {}, ())
    up = build_stage("project", calls[1], d_inputs, results, derivatives, ())
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
