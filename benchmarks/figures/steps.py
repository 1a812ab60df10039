"""Attention step by step, in the numbers of `numpy-attention explain`: the ladder; right beside broken."""

from collections.abc import Iterator

import numpy as np

from benchmarks.figures.canvas import ROW, Figure, cells, width_of
from numpy_attention.check.faults import fault
from numpy_attention.functional.base.admission import Array
from numpy_attention.study.example import build_example
from numpy_attention.study.fault_walk import walk_with_fault
from numpy_attention.study.plain_lines import PLAIN
from numpy_attention.study.stage import Stage
from numpy_attention.study.walk import Walk, walk
from numpy_attention.study.web.svg import arrow, dot, text

# ------------------------------------------------------------------------------------------- the ladder

DOWN, UP, END = 24, 430, 342
"""The left edges of both columns, and the right edge of the first."""

STATIONS = {
    "score": (("query", "key", "value"), ("d_query", "d_key")),
    "softcap": (("scores",), ("d_scores",)),
    "softmax": (("masked",), ("d_masked",)),
    "dropout": (("weights",), ("d_weights", "d_value")),
    "": (("out",), ("d_out",)),
}
"""The arrays above a step, of the forward and of the backward; the last are below all steps."""

NOTES = {
    "value": "scale = 1/√2",
    "weights": "each row adds up to 1",
    "d_key": "rows add up to 0",
    "d_masked": "each row adds up to 0",
    "d_out": "from the loss",
}
"""What stands beside an array."""

RUNGS = {
    "score": "query, key",
    "mask": "visible",
    "softmax": "weights",
    "values": "weights, value",
}
"""What the backward of a step reads of its forward."""


def ladder() -> Figure:
    """Seven steps down from query, key and value to out, and the same seven up from d_out."""
    walked = walk(build_example())
    arrays, skipped = _arrays(walked), {stage.name for stage in walked.down if stage.skipped}
    shapes = [text((DOWN, 28), "Forward, read downwards", "head")]
    shapes += [text((UP, 28), "Backward, read upwards", "head")]
    y, rails, tops = 44, len(shapes), []
    for n, step in enumerate(PLAIN, 1):
        if step in STATIONS:
            y = _station(shapes, y, arrays, *STATIONS[step])
        tops.append(y)
        y = _step(shapes, y, n, step, step in skipped)
    shapes[rails:rails] = [
        arrow((DOWN + 10, tops[0]), (DOWN + 10, y + 24), "rail"),
        arrow((UP + 10, y), (UP + 10, tops[0] - 24), "rail"),
    ]
    y = _station(shapes, y, arrays, *STATIONS[""])
    return Figure(
        820,
        y + 8,
        "The seven steps of attention, forward and backward, with their numbers",
        "Left column, downwards: query, key and value become scores, masked scores, weights and out. Right "
        "column, upwards: d_out becomes d_weights and d_value, d_masked, d_scores, d_query and d_key. A step "
        "has the same height on both sides; dashed arrows show which arrays of the forward its backward "
        "reads. Two queries, three keys of width two; the first query may not see the third key.",
        tuple(shapes),
    )


def _arrays(walked: Walk) -> dict[str, Array]:
    """Every array by name; a step that is not used hands on what it gets."""
    example = walked.example
    arrays = {"query": example.query, "key": example.key, "value": example.value, "d_out": example.d_out}
    results = {name: x for stage in walked.stages for name, x in stage.results.items()}
    passed_on = {"d_scores": results["d_biased"], "d_weights": results["d_thinned"]}
    return arrays | passed_on | results


def _station(
    shapes: list[str], y: int, arrays: dict[str, Array], there: tuple[str, ...], back: tuple[str, ...]
) -> int:
    """Arrays between two steps; returns the height below them."""
    visible = np.isfinite(arrays["masked"])
    for x, names in ((DOWN + 28, there), (UP + 28, back)):
        for name in names:
            hatched = name in ("masked", "weights", "d_weights", "d_masked", "d_scores")
            shapes += cells((x, y), name, arrays[name], visible=visible if hatched else None)
            x += arrays[name].shape[1] * width_of(arrays[name]) + 18
        if names[-1] in NOTES:
            shapes.append(text((x - 6, y + 42), NOTES[names[-1]], "small soft"))
    return y + 17 + ROW * max(len(arrays[name]) for name in (*there, *back)) + 8


def _step(shapes: list[str], y: int, n: int, step: str, skipped: bool) -> int:
    """Both equations of a step, and the rung between them; returns the height below."""
    equations = [_statements(equation) for equation in PLAIN[step]]
    height = 8 + 17 * max(map(len, equations))
    middle, soft = y + height / 2, " soft" * skipped
    for x, lines in zip((DOWN, UP), equations, strict=True):
        shapes.append(dot((x + 10, middle), "off" if skipped else "disc", 8.5))
        shapes.append(text((x + 10, middle + 4), str(n), "number m" + " off" * skipped))
        first = middle + 4 - 8.5 * (len(lines) - 1)
        shapes += [text((x + 28, first + 17 * k), each, f"code{soft}") for k, each in enumerate(lines)]
    between = (END + UP) / 2
    if skipped:
        shapes.append(text((between, middle + 4), "not used", "small soft m"))
        return y + height + 4
    shapes.append(arrow((END, middle), (UP - 4, middle), "rung"))
    shapes.append(text((between - 3, middle - 6), RUNGS[step], "small key m"))
    return y + height + 8


def _statements(equation: str) -> list[str]:
    """A line of the table as one statement each; a long one broken before its bracket."""
    names, right = equation.split(" = ", 1)
    if ", " in names:
        return [f"{a} = {b}" for a, b in zip(names.split(", "), right.split(", "), strict=True)]
    if len(equation) <= 50:
        return [equation]
    start, rest = equation.split(" * (", 1)
    return [f"{start} *", f"\u00a0\u00a0\u00a0\u00a0({rest}"]


# --------------------------------------------------------------------------------------- right and broken


def broken() -> Figure:
    """The backward of softmax and of the score, right, and beside it without the row sum."""
    planted = walk_with_fault(None, fault("no-row-sum"))
    right, wrong = (_arrays(each) for each in (planted.correct, planted.walk))
    softmax, score = (_statements(PLAIN[step][1]) for step in ("softmax", "score"))
    shapes = [
        text((DOWN, 30), "Right", "head good"),
        text((UP, 30), "Broken: the row sum is left out", "head bad"),
    ]
    for x, walked, arrays, lines in (
        (DOWN, planted.correct, right, softmax),
        (UP, planted.walk, wrong, ["d_masked = weights * d_weights"]),
    ):
        y = 56
        for step, equations, names in (
            ("softmax", lines, ("d_masked",)),
            ("score", score, ("d_query", "d_key")),
        ):
            shapes += [text((x, y + 17 * k), each, "code") for k, each in enumerate(equations)]
            left = x
            for name in names:
                found = arrays[name]
                shapes += cells((left, y + 34), name, found, marked=np.abs(found - right[name]) > 1e-9)
                left += found.shape[1] * width_of(found) + 18
            y += 73 + ROW * len(arrays[names[-1]])
            for words, holds in _verdicts(next(stage for stage in walked.up if stage.name == step)):
                sign, kind = ("✓", "good") if holds else ("✗", "bad")
                shapes.append(text((x, y), sign, f"small strong {kind}"))
                shapes.append(text((x + 16, y), words, "small" if holds else "small bad"))
                y += 19
            y += 22
    return Figure(
        820,
        y - 20,
        "The backward of softmax, right and with a mistake: which numbers change, which laws break",
        "Left: the right gradients d_masked, d_query and d_key; every law holds. Right: the row sum is left "
        "out of the backward of softmax. Changed numbers are outlined. Rows of d_masked and of d_scores no "
        "longer add up to 0, nor do the rows of d_key, and the gradients disagree with the complex step; "
        "two laws hold all the same.",
        tuple(shapes),
    )


def _verdicts(stage: Stage) -> Iterator[tuple[str, bool]]:
    """The gradients beside the complex step, and the laws, in a line each."""
    names = [name for name in stage.derivatives if name != "d_scale"]
    right = all(stage.derivatives[name].ok for name in names)
    apart = max(stage.derivatives[name].difference for name in names)
    yield f"{', '.join(names)} by the complex step: {'equal' if right else f'off by {apart:.2f}'}", right
    for result in stage.laws:
        number = f"law {result.law.number}: " if result.law.number else ""
        instead = "" if result.ok else f" (here {result.worst.left:.2f})".replace("-", "−")
        yield f"{number}{result.law.statement}{instead}", result.ok
