"""What softmax and the scale do to the gradient of a score: the row's average, and 1/√D."""

import numpy as np

from benchmarks.figures.canvas import Figure
from numpy_attention.functional.base.admission import Array
from numpy_attention.study.example import build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.web.root_d import KEYS, QUERIES, ScaledWidth, measure_widths
from numpy_attention.study.web.svg import Point, bar, line, path, text
from numpy_attention.study.web.tables import number

# ----------------------------------------------------------------------------------- the row's average

UNIT, ACROSS = 42, 310
"""Pixels of a d_weight of 1, and of a weight of 1."""


def row_average() -> Figure:
    """Each row of the default example: bars as wide as the weights, from the row's average to d_weights."""
    walked = walk(build_example())
    weights, stage = walked.saved.weights, next(each for each in walked.up if each.name == "softmax")
    d_weights, d_masked = stage.inputs["d_weights"], stage.results["d_masked"]
    zero = 128 + UNIT * float(d_weights.max())
    shapes = [
        text((24, 30), "d_masked = weights * (d_weights - rowsum(weights * d_weights))", "code"),
        text((24, 52), "A bar is as wide as the weight of its key, and reaches from the row’s average to "
             "d_weights. Its area is the gradient.", "small soft"),
    ]  # fmt: skip
    for n, x in enumerate((36, 426)):
        shapes += _row((x, zero), f"Query {n + 1}", weights[n], d_weights[n], d_masked[n])
    return Figure(
        820,
        round(zero - UNIT * float(d_weights.min())) + 36,
        "The backward of softmax: each d_weight against its row’s average, times the weight",
        "A panel for each of two queries, a bar for each visible key. A bar is as wide as the key’s weight "
        "and reaches from the average of d_weights, weighted by the weights, to the key’s own d_weight. Its "
        "area is the gradient of the score. The areas above the average equal those below it, so a row of "
        "gradients adds up to 0.",
        tuple(shapes),
    )


def _row(at: Point, title: str, weights: Array, d_weights: Array, d_masked: Array) -> list[str]:
    """A panel; `at` is the left end of its zero line."""
    x, zero = at
    mean = float(weights @ d_weights)
    level, end = zero - UNIT * mean, x + ACROSS
    shapes = [text((x, 92), title, "head")]
    for edge in (x - 8, end):
        shapes.append(line((edge, zero), (edge + 8, zero), "axis"))
    for key in np.flatnonzero(weights).tolist():
        weight, d = float(weights[key]), float(d_weights[key])
        wide, tip, above = ACROSS * weight, zero - UNIT * d, d > mean
        middle, half = x + wide / 2, (level + tip) / 2
        shapes.append(bar(x, level, wide, -(d - mean) * UNIT, "up" if above else "down"))
        shapes.append(
            text((middle, tip + (-7 if above else 16)), f"key {key + 1}: {number(d)}", "cell strong")
        )
        product = [number(weight), f"× {number(d - mean)}", f"= {number(float(d_masked[key]))}"]
        if wide > 170:
            shapes.append(text((middle, half + 4), " ".join(product), "cell"))
        else:  # in three lines; beside a thin bar
            place, kind = (middle, "cell") if wide > 70 else (x - 8, "cell r")
            shapes += [text((place, half - 11 + 15 * k), each, kind) for k, each in enumerate(product)]
        x += wide
    shapes.append(line((end - ACROSS - 8, level), (end + 8, level), "mean"))
    shapes.append(text((end + 12, zero + 4), "0", "small soft"))
    shapes.append(text((end + 12, level + 4), number(mean), "small strong"))
    return [*shapes, text((end + 12, level + (18 if mean < 0 else -10)), "average", "small")]


# ------------------------------------------------------------------------------------------------- √D

REACH, BIN, WIDE = 110, 5, 220
"""The largest score on the axis, the width of a bin, and pixels of a panel."""


def root_d() -> Figure:
    """Scores, weights and gradients for three widths, without the scale and with it."""
    shapes = [
        text((24, 30), "Without the scale: scores = query @ key.T", "head"),
        text((24, 288), "With it: scores = query @ key.T / √D", "head"),
    ]
    for n, each in enumerate(measure_widths()):
        column, row = divmod(n, 2)
        shapes += _panel((24 + 276 * column, 58 + 258 * row), each)
    return Figure(
        820,
        522,
        "Scores, weights and gradients for width 4, 64 and 1024, without 1/√D and with it",
        "Above, without the scale: the scores spread ever wider as D grows, one weight takes the whole row, "
        "and the gradients of the scores vanish. Below, with the scale: scores, weights and gradients are "
        f"the same for every width. {QUERIES} queries, {KEYS} keys, standard normal numbers.",
        tuple(shapes),
    )


def _panel(at: Point, each: ScaledWidth) -> list[str]:
    """One width: how the scores spread, a row's weights in falling order, and the size of d_scores."""
    x, y = at
    axis, base, gradient = y + 74, y + 168, each.median_gradient
    heights, edges = np.histogram(each.scores, np.arange(-REACH, REACH + BIN, BIN))
    outline: list[Point] = [(x, axis)]
    for height, left, right in zip(heights / heights.max(), edges, edges[1:], strict=False):
        outline += [(x + REACH + float(e), axis - 44 * float(height)) for e in (left, right)]
    size = f"{gradient:.2f}" if gradient > 1e-3 else f"{gradient:.0e}".replace("-", "−")
    shapes = [
        text((x, y), f"D = {each.width}", "strong"),
        text((x + WIDE, y), f"scores ± {each.scores.std():.0f}", "small r"),
        path([*outline, (x + WIDE, axis)], "spread", closed=True),
        line((x, axis), (x + WIDE, axis), "axis"),
        text((x + WIDE, base - 56), f"largest weight {each.shares[0]:.2f}", "small r"),
        line((x, base), (x + WIDE, base), "axis"),
        text((x, base + 20), f"|d_scores|, median: {size}", "small"),
    ]
    for tick in (-100, 0, 100):
        shapes.append(text((x + REACH + tick, axis + 15), f"{tick}".replace("-", "−"), "small soft m"))
    return shapes + [
        bar(x + 22 * n, base, 17, -70 * float(share), "o") for n, share in enumerate(each.shares)
    ]
