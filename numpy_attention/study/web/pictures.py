"""Drawings of a walk's numbers: bars, curves, and where vectors have two entries, the plane."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from ...functional.base.admission import Array
from ..stage import Stage
from ..walk import Walk
from .svg import Plane, Point, arrow, bar, dot, line, path, svg, text
from .tables import brief, number

BAR, GAP, TALL = 24, 20, 90
"""Width of a bar, the gap between rows of bars, and the height of the tallest, in pixels."""


def figure(drawing: str, caption: str) -> str:
    """A drawing and its caption, which is HTML."""
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def pictures(walk: Walk, place: str, stage: Stage) -> list[str]:
    """The figures of a stage; none for a skipped step, and for several heads at once."""
    draw = DRAWN.get(place)
    return [] if draw is None or stage.skipped or walk.saved.weights.ndim > 2 else list(draw(walk, stage))


# ---------------------------------------------------------------------------------------------- score


def _score(walk: Walk, stage: Stage) -> Iterator[str]:
    """Queries and keys as arrows from 0."""
    query, key = walk.example.query, walk.example.key
    if walk.example.score not in ("dot", "general", "cosine") or {query.shape[1], key.shape[1]} != {2}:
        return
    plane = Plane([*query, *key])
    shapes = [plane.axes()]
    for kind, rows in (("k", key), ("q", query)):
        for n, row in enumerate(rows, 1):
            shapes += [arrow(plane.at((0, 0)), plane.at(row), kind), _name(plane.at(row), f"{kind}{n}", kind)]
    caption = "Queries and keys in the plane."
    if walk.example.score == "dot":
        largest = np.argmax(np.abs(query @ key.T))
        i, j = divmod(int(largest), len(key))
        terms = " + ".join(f"{brief(a)} × {brief(b)}" for a, b in zip(query[i], key[j], strict=True))
        product = float(query[i] @ key[j])
        way = "points the query’s way" if product > 0 else "points away from the query"
        caption += f" q{i + 1} · k{j + 1} = {terms} = {brief(product)}: the key {way}."
    yield figure(svg(plane.size, plane.size, caption, shapes), caption)


def _score_back(walk: Walk, stage: Stage) -> Iterator[str]:
    """The keys' gradients where they are, and end to end."""
    d_key = walk.gradients.d_key
    if walk.example.score not in ("dot", "general") or d_key.shape[1] != 2 or not d_key.any():
        return
    ends = np.vstack([np.zeros(2), np.cumsum(d_key, axis=0)])
    plane = Plane(ends)
    points = [plane.at(p) for p in ends]
    shapes = [plane.axes()]
    for n, (start, end) in enumerate(pairwise(points), 1):
        shapes += [arrow(start, end, "k"), _beside(start, end, f"d_k{n}")]
    closes = math.hypot(*ends[-1]) <= 1e-9 * np.abs(d_key).max()
    caption = (
        "The gradients of the keys, end to end, come back to where they began: Σ d_key = 0, law 1. Moving "
        "all "
        "keys together adds one number to a whole row of scores, and softmax does not notice."
        if closes
        else "The gradients of the keys, end to end. Here they do not close: softcap or a sink breaks law 1."
    )
    yield figure(svg(plane.size, plane.size, caption, shapes), caption)


def _beside(start: Point, end: Point, words: str) -> str:
    """A name at the middle of an arrow, on its left: a thin polygon has its names on both sides."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    middle = (start[0] + end[0]) / 2 + 18 * dy / length, (start[1] + end[1]) / 2 - 12 * dx / length + 4
    return text(middle, words, "k t m")


def _name(at: Point, words: str, kind: str) -> str:
    return text((min(at[0] + 5, 180), max(at[1] - 5, 12)), words, f"{kind} t")


# -------------------------------------------------------------------------------------------- softcap


def _softcap(walk: Walk, stage: Stage) -> Iterator[str]:
    """The curve, its scores on it, and the slope at each."""
    cap, scores = float(walk.example.options["softcap"]), walk.saved.scores
    reach = 1.25 * max(float(np.abs(scores).max(initial=0)), cap)
    width, height = 260, 170

    def at(x: float, y: float) -> Point:
        return width / 2 * (1 + x / reach), height / 2 * (1 - y / (1.2 * cap))

    def curve(x: float) -> float:
        return cap * math.tanh(x / cap)

    xs = np.linspace(-reach, reach, 49).tolist()
    shapes = [line(at(-reach, 0), at(reach, 0), "axis"), line(at(0, -1.2 * cap), at(0, 1.2 * cap), "axis")]
    shapes += [line(at(-reach, c), at(reach, c), "limit") for c in (-cap, cap)]
    shapes.append(path([at(x, curve(x)) for x in xs], "curve"))
    tangent = reach / 4
    for x in np.unique(scores).tolist():
        slope = 1 / math.cosh(x / cap) ** 2
        start, end = (at(x + d, curve(x) + d * slope) for d in (-tangent, tangent))
        shapes += [line(start, end, "tangent"), dot(at(x, curve(x)), "q", 3.5)]
    far = float(scores.flat[np.argmax(np.abs(scores))])
    caption = (
        f"capped over scores, and the slope at each score: {number(1 / math.cosh(far / cap) ** 2)} at "
        f"{number(far)}, 1 at 0. The limits are ±{brief(cap)}."
    )
    yield figure(svg(width, height, caption, shapes), caption)


# -------------------------------------------------------------------------------------------- softmax


def _softmax(walk: Walk, stage: Stage) -> Iterator[str]:
    """For each row the exponentials, outlined, and the weights, filled."""
    weights, masked = walk.saved.weights, stage.inputs.get("masked", stage.inputs.get("biased"))
    if masked is None:
        masked = next(iter(stage.inputs.values()))
    peak = np.max(masked, axis=-1, keepdims=True)
    exps = np.exp(masked - np.where(np.isfinite(peak), peak, 0))
    shapes = []
    for x, i, j in _places(weights):
        shapes.append(bar(x, TALL + 10, BAR, -TALL * float(exps[i, j]), "outline"))
        shapes.append(bar(x, TALL + 10, BAR, -TALL * float(weights[i, j]), "o"))
    shapes += _labels(weights, TALL + 24)
    caption = (
        "Each row as exp(score − largest), outlined; filled, the same divided by their sum: the weights."
    )
    yield figure(svg(_across(weights), TALL + 32, caption, shapes), caption)


def _softmax_back(walk: Walk, stage: Stage) -> Iterator[str]:
    """d_weights of each row against the row's average; beneath, what is left after times the weight."""
    weights, d_weights, d_masked = walk.saved.weights, stage.inputs["d_weights"], stage.results["d_masked"]
    seen = np.where(weights > 0, d_weights, 0)
    reach = max(float(np.abs(seen).max(initial=0)), float(np.abs(d_masked).max(initial=0))) or 1.0
    unit, zero, low = TALL / 2 / reach, TALL / 2 + 8, TALL * 1.5 + 24
    shapes = []
    for x, i, j in _places(weights):
        mean = float((weights[i] * seen[i]).sum())
        if not weights[i, j]:
            continue
        d = float(seen[i, j])
        shapes.append(bar(x, zero, BAR, -d * unit, "faint"))
        shapes.append(bar(x, zero - mean * unit, BAR, -(d - mean) * unit, "up" if d > mean else "down"))
        shapes.append(bar(x, low, BAR, -float(d_masked[i, j]) * unit, "up" if d > mean else "down"))
    for i, row in enumerate(weights):
        left = 6 + i * (len(row) * (BAR + 3) + GAP)
        right, mean = left + len(row) * (BAR + 3), float((row * seen[i]).sum())
        shapes += [line((left, y), (right, y), "axis") for y in (zero, low)]
        shapes.append(line((left - 3, zero - mean * unit), (right + 1, zero - mean * unit), "mean"))
    shapes += _labels(weights, int(2 * TALL + 36))
    caption = (
        "Above: d_weights, and each row’s average, dashed; the part above or below it is what counts. "
        "Beneath: "
        "that part times the weight is the gradient of the score. Where the weight is 0 or 1, nothing is "
        "left."
    )
    yield figure(svg(_across(weights), int(2 * TALL + 44), caption, shapes), caption)


def _places(rows: Array) -> Iterator[tuple[float, int, int]]:
    """The left edge of the bar of each entry, with its row and column."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            yield 6 + i * (rows.shape[1] * (BAR + 3) + GAP) + j * (BAR + 3), i, j


def _across(rows: Array) -> int:
    return int(12 + rows.shape[0] * (rows.shape[1] * (BAR + 3) + GAP) - GAP)


def _labels(rows: Array, y: int) -> list[str]:
    each = rows.shape[1] * (BAR + 3) + GAP
    return [text((6 + i * each + (each - GAP) / 2, y), f"q{i + 1}", "m t") for i in range(rows.shape[0])]


# --------------------------------------------------------------------------------------------- values


def _values(walk: Walk, stage: Stage) -> Iterator[str]:
    """The values, their hull, and each out inside it."""
    value, out = walk.example.value, walk.out
    if value.shape[1] != 2:
        return
    plane = Plane([*value, *out])
    shapes = [plane.axes(), path([plane.at(p) for p in hull(value)], "hull", closed=True)]
    for kind, letter, rows in (("v", "v", value), ("o", "out ", out)):
        for n, row in enumerate(rows, 1):
            shapes += [dot(plane.at(row), kind), _name(plane.at(row), f"{letter}{n}", kind)]
    mixed = {"dropout", "sinks"} & {name for name, x in walk.example.options.items() if x is not None}
    caption = (
        f"The values, and out: with {' and '.join(sorted(mixed))} the weights of a row need not sum to 1, "
        f"and out "
        "may leave the hull."
        if mixed
        else "The values span a hull, which a mean of values cannot leave (law 11)."
    )
    yield figure(svg(plane.size, plane.size, caption, shapes), caption)


def _values_back(walk: Walk, stage: Stage) -> Iterator[str]:
    """d_out at each out: its agreement with a value is a dot product."""
    value, d_out = walk.example.value, walk.example.d_out
    if value.shape[1] != 2:
        return
    plane = Plane([*value, *d_out])
    shapes = [plane.axes()]
    for n, row in enumerate(value, 1):
        shapes += [dot(plane.at(row), "v"), _name(plane.at(row), f"v{n}", "v")]
    for n, row in enumerate(d_out, 1):
        shapes += [arrow(plane.at((0, 0)), plane.at(row), "o"), _name(plane.at(row), f"d_out {n}", "o")]
    caption = (
        "The cotangents d_out as arrows, the values as points: d_weights is the dot product of each pair."
    )
    yield figure(svg(plane.size, plane.size, caption, shapes), caption)


def hull(points: Array) -> list[tuple[float, float]]:
    """The corners of the convex hull of points in the plane, counter-clockwise (Andrew 1979).

    Examples
    --------
    >>> hull(np.array([[0, 0], [2, 0], [1, 1], [2, 2], [0, 2.0]]))
    [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    """
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return ordered

    def chain(ps: list[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for p in ps:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return chain(ordered) + chain(ordered[::-1])


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


DRAWN: dict[str, Callable[[Walk, Stage], Iterator[str]]] = {
    "down.score": _score,
    "down.softcap": _softcap,
    "down.softmax": _softmax,
    "down.values": _values,
    "up.score": _score_back,
    "up.softmax": _softmax_back,
    "up.values": _values_back,
}
"""Place -> its figures."""
