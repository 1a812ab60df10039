"""The drawing of each step, for one head: arrows and points in the plane, a curve, rows of bars."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from ...functional.base.admission import Array
from ..stage import Stage
from ..walk import Walk
from .plane import flatten, hull
from .svg import Names, Plane, Point, arrow, bars, dot, letters, line, path, svg, text
from .tables import brief, number

BAR, GAP, TALL = 24, 20, 90
"""Width of a bar, the gap between rows of bars, and the height of the tallest, in pixels."""

ACROSS = 460
"""Rows of bars stand side by side up to this width, then beneath."""


class Drawing(NamedTuple):
    """A drawing of one head; `caption` is said of every head's, `here` of the numbers in this one."""

    svg: str
    caption: str
    here: str = ""


Drawn: TypeAlias = Drawing | str
"""A drawing, or the sentence why there is none."""


# ---------------------------------------------------------------------------------------------- score

NO_PLANE = {
    "additive": "Not drawn: an additive score is no dot product, so query and key share no plane.",
    "concat": "Not drawn: a concat score is a curve of weight · [query; key]; query and key never meet.",
    "location": "Not drawn: a location score looks at the key alone.",
}
"""Scores without a drawing of queries and keys, and why."""


def _score(walk: Walk, stage: Stage) -> Drawn:
    """Queries and keys as arrows from 0."""
    example = walk.example
    if example.score in NO_PLANE:
        return NO_PLANE[example.score]
    query, key, k = example.query, example.key, "k"
    caption = "Queries and keys as arrows."
    if example.score == "general":
        key, k = key @ example.parameters["weight"].T, "Wk"
        caption = "Queries, and keys as weight @ key, W for short: their dot product is the score."
    elif example.score == "cosine":
        caption += (
            " The score is sharpness times the cosine of the angle between them, whatever their length."
        )
    products = query @ key.T
    i, j = divmod(int(np.argmax(np.abs(products))), len(key))
    product = float(products[i, j])
    terms = " + ".join(f"{brief(a)} × {brief(b)}" for a, b in zip(query[i], key[j], strict=True))
    way = "points the query’s way" if product > 0 else "points away from the query"
    sum_of = f"q{i + 1} · {k}{j + 1} = {terms} = {brief(product)}"
    here = f"{sum_of}: the key {way if product else 'stands at a right angle to the query'}."
    flat = flatten([query, key])
    plane = Plane(np.vstack(flat.groups))
    zero = plane.at((0, 0))
    names = Names(plane.size, [(zero, plane.at(p)) for p in np.vstack(flat.groups)])
    shapes = [plane.axes()]
    for kind, name, rows in (("q", "q", flat.groups[0]), ("k", k, flat.groups[1])):
        for n, end in enumerate(map(plane.at, rows), 1):
            shapes += [arrow(zero, end, kind), names.beside(end, f"{name}{n}", kind, _beyond(zero, end))]
    return Drawing(svg(plane.size, plane.size, "queries and keys", shapes), caption, f"{here} {flat.said}")


def _beyond(start: Point, end: Point) -> Point:
    """A point beyond the end of an arrow, above it if it has no length."""
    return (2 * end[0] - start[0], 2 * end[1] - start[1]) if end != start else (end[0], end[1] - 1)


def _score_back(walk: Walk, stage: Stage) -> Drawn:
    """The keys' gradients, end to end."""
    d_key = walk.gradients.d_key
    if not d_key.any():
        return "Not drawn: the gradient of every key is 0."
    flat = flatten([d_key])
    ends = np.vstack([np.zeros(2), np.cumsum(flat.groups[0], axis=0)])
    plane = Plane(ends)
    points = [plane.at(p) for p in ends]
    middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairwise(points)]
    names = Names(plane.size, pairwise(points))
    shapes = [plane.axes()]
    for n, ((start, end), middle) in enumerate(zip(pairwise(points), middles, strict=True), 1):
        left = middle[0] + end[1] - start[1], middle[1] - end[0] + start[0]
        shapes += [arrow(start, end, "k"), names.beside(middle, f"d_k{n}", "k", left)]
    caption = f"The gradients of the keys, end to end{_closing(d_key, stage)}"
    return Drawing(svg(plane.size, plane.size, "the gradients of the keys", shapes), caption, flat.said)


def _closing(d_key: Array, stage: Stage) -> str:
    """Whether the gradients of the keys sum to 0, and why."""
    law = next((result for result in stage.laws if result.law.number == 1), None)
    if law and law.excluded_by:
        return f". They need not close: law 1 does not apply with {', '.join(law.excluded_by)}."
    if np.abs(d_key.sum(axis=0)).max() > 1e-9 * np.abs(d_key).max():
        return ". They need not close: law 1 is one of scores that are linear in the key."
    return (
        f", come back to where they began: Σ d_key = 0{', law 1' if law else ''}. Moving all keys together "
        "adds one number to a whole row of scores, and softmax does not notice."
    )


# -------------------------------------------------------------------------------------------- softcap


def _softcap(walk: Walk, stage: Stage) -> Drawn:
    """The curve, its scores on it, and the slope at each."""
    cap, scores = float(walk.example.options["softcap"]), walk.saved.scores
    reach = 1.25 * max(float(np.abs(scores).max(initial=0)), cap)
    width, height = 260, 170

    def at(x: float, y: float) -> Point:
        return width / 2 * (1 + x / reach), height / 2 * (1 - y / (1.2 * cap))

    def curve(x: float) -> float:
        return cap * math.tanh(x / cap)

    def slope(x: float) -> float:
        return 1 / math.cosh(min(abs(x / cap), 350.0)) ** 2

    xs = np.linspace(-reach, reach, 49).tolist()
    shapes = [line(at(-reach, 0), at(reach, 0), "axis"), line(at(0, -1.2 * cap), at(0, 1.2 * cap), "axis")]
    shapes += [line(at(-reach, c), at(reach, c), "limit") for c in (-cap, cap)]
    shapes.append(path([at(x, curve(x)) for x in xs], "curve"))
    tangent = reach / 4
    for x in np.unique(scores).tolist():
        start, end = (at(x + d, curve(x) + d * slope(x)) for d in (-tangent, tangent))
        shapes += [line(start, end, "tangent"), dot(at(x, curve(x)), "q", 3.5)]
    far = float(scores.flat[np.argmax(np.abs(scores))])
    caption = (
        f"The curve of capped over scores, with its slope at each: 1 at 0. The limits are ±{brief(cap)}."
    )
    here = f"The slope at {number(far)} is {number(slope(far))}."
    return Drawing(svg(width, height, "capped over scores", shapes), caption, here)


# -------------------------------------------------------------------------------------------- softmax


class _Rows(NamedTuple):
    """Where rows of bars stand: `size` of the drawing, the corner of each row, the width of one."""

    size: tuple[int, int]
    corners: list[tuple[float, float]]
    width: float

    def left(self, i: int, j: int) -> float:
        """The left edge of bar j of row i."""
        return self.corners[i][0] + j * (BAR + 3)


def _rows(rows: int, columns: int, height: int) -> _Rows:
    width = columns * (BAR + 3)
    across = max(1, min(rows, (ACROSS + GAP) // (width + GAP)))
    corners = [(6.0 + i % across * (width + GAP), float(i // across * height)) for i in range(rows)]
    size = 12 + across * (width + GAP) - GAP, math.ceil(rows / across) * height
    return _Rows(size, corners, width)


def _named(rows: _Rows, names: str, y: float) -> list[str]:
    """Under each row its query, and above it a letter for each bar."""
    shapes = []
    for i, (left, top) in enumerate(rows.corners):
        middles = [rows.left(i, j) + BAR / 2 for j in range(len(names))]
        shapes += [letters(middles, top + y, names)]
        shapes += [text((left + rows.width / 2, top + y + 14), f"q{i + 1}", "m")]
    return shapes


def _keys(count: int) -> str:
    """A digit for each key; there are at most 8."""
    return "".join(str(n + 1) for n in range(count))


def _softmax(walk: Walk, stage: Stage) -> Drawn:
    """For each row the exponentials, outlined, and the weights, filled."""
    weights, masked, sink = walk.saved.weights, stage.inputs["masked"], walk.example.options["sinks"]
    names = _keys(weights.shape[1])
    if sink is not None:
        masked = np.hstack([masked, np.full((len(masked), 1), sink)])
        weights = np.hstack([weights, 1 - weights.sum(axis=1, keepdims=True)])
        names += "s"
    peak = np.max(masked, axis=-1, keepdims=True)
    exps = np.exp(masked - np.where(np.isfinite(peak), peak, 0))
    rows = _rows(len(weights), len(names), TALL + 44)
    shapes = []
    for x, kind in ((exps, "outline"), (weights, "share")):
        shapes.append(bars(_standing(rows, x, TALL, TALL + 10), kind))
    shapes += _named(rows, names, TALL + 22)
    caption = (
        "Each row as exp(score − largest), outlined; filled, the same divided by their sum: the weights."
        + ("" if sink is None else " s is the sink: it takes its share, and has no value.")
    )
    return Drawing(svg(*rows.size, "the weights of each row", shapes), caption)


def _standing(
    rows: _Rows, x: Array, unit: float, zero: float, low: Array | None = None
) -> Iterator[tuple[float, float, float, float]]:
    """Bars from `low`, or 0, to the entries of x; none without height."""
    for (i, j), entry in np.ndenumerate(x):
        start = 0.0 if low is None else float(low[i, j])
        if entry - start:
            y = rows.corners[i][1] + zero - start * unit
            yield rows.left(i, j), y, BAR, -(float(entry) - start) * unit


def _softmax_back(walk: Walk, stage: Stage) -> Drawn:
    """d_weights of each row against the row's average; beneath, what is left after times the weight."""
    weights, d_weights, d_masked = walk.saved.weights, stage.inputs["d_weights"], stage.results["d_masked"]
    d_lse = walk.example.d_lse
    seen = np.where(weights > 0, d_weights, 0)
    average = (weights * seen).sum(axis=-1, keepdims=True) - (0 if d_lse is None else d_lse[:, None])
    level = np.where(weights > 0, average, 0)
    reach = max(float(np.abs(x).max(initial=0)) for x in (seen, level, d_masked)) or 1.0
    unit, zero, low = TALL / 2 / reach, TALL / 2 + 8, TALL * 1.5 + 24
    rows = _rows(len(weights), weights.shape[1], 2 * TALL + 60)
    above = seen > level
    shapes = [bars(_standing(rows, seen, unit, zero), "faint")]
    for kind, which in (("up", above), ("down", ~above)):
        part = np.where(which, seen, level)
        shapes.append(bars(_standing(rows, part, unit, zero, level), kind))
        shapes.append(bars(_standing(rows, np.where(which, d_masked, 0), unit, low), kind))
    for i, (left, top) in enumerate(rows.corners):
        right, mean = left + rows.width, top + zero - float(average[i, 0]) * unit
        shapes += [line((left, top + y), (right, top + y), "axis") for y in (zero, low)]
        if weights[i].any():
            shapes.append(line((left - 3, mean), (right + 1, mean), "mean"))
    shapes += _named(rows, _keys(weights.shape[1]), 2 * TALL + 38)
    caption = (
        f"Above: d_weights, and each row’s average{'' if d_lse is None else ' minus its d_lse'}, dashed; the "
        "part above or below it is what counts. Beneath: that part times the weight is the gradient of the "
        "score. Where the weight is 0 or 1, nothing is left."
    )
    return Drawing(svg(*rows.size, "d_weights and d_masked of each row", shapes), caption)


# --------------------------------------------------------------------------------------------- values


def _values(walk: Walk, stage: Stage) -> Drawn:
    """The values, their hull, and each out inside it."""
    flat = flatten([walk.example.value, walk.out])
    plane = Plane(np.vstack(flat.groups))
    names = Names(plane.size, [(at, at) for at in map(plane.at, np.vstack(flat.groups))])
    corners = hull(flat.groups[0])
    shapes = [plane.axes(), path([plane.at(p) for p in corners], "hull", closed=True)]
    middle = plane.at(np.mean(corners, axis=0))
    for kind, letter, rows in (("v", "v", flat.groups[0]), ("o", "out ", flat.groups[1])):
        for n, at in enumerate(map(plane.at, rows), 1):
            shapes += [dot(at, kind), names.beside(at, f"{letter}{n}", kind, _beyond(middle, at))]
    mixed = {"dropout", "sinks"} & {name for name, x in walk.example.options.items() if x is not None}
    caption = (
        f"The values, and out: with {' and '.join(sorted(mixed))} the weights of a row need not sum to 1, "
        "and out may leave the hull."
        if mixed
        else "The values span a hull, which a mean of values cannot leave (law 11)."
    )
    if not walk.saved.weights.any(axis=-1).all():
        caption += " A query that sees no key has out = 0."
    return Drawing(svg(plane.size, plane.size, "values, their hull, and out", shapes), caption, flat.said)


def _values_back(walk: Walk, stage: Stage) -> Drawn:
    """d_out from 0: its agreement with a value is a dot product."""
    flat = flatten([walk.example.value, walk.example.d_out])
    plane = Plane(np.vstack(flat.groups))
    zero, (values, d_out) = plane.at((0, 0)), ([plane.at(p) for p in rows] for rows in flat.groups)
    names = Names(plane.size, [*zip(values, values, strict=True), *((zero, at) for at in d_out)])
    shapes = [plane.axes()]
    for n, at in enumerate(values, 1):
        shapes += [dot(at, "v"), names.beside(at, f"v{n}", "v", _beyond(zero, at))]
    for n, at in enumerate(d_out, 1):
        shapes += [arrow(zero, at, "o"), names.beside(at, f"d_out {n}", "o", _beyond(zero, at))]
    result = "d_weights" if walk.example.options["dropout"] is None else "d_thinned"
    caption = (
        f"The cotangents d_out as arrows, the values as points: {result} is the dot product of each pair."
    )
    return Drawing(svg(plane.size, plane.size, "d_out and the values", shapes), caption, flat.said)


DRAWN: dict[str, Callable[[Walk, Stage], Drawn]] = {
    "down.score": _score,
    "down.softcap": _softcap,
    "down.softmax": _softmax,
    "down.values": _values,
    "up.score": _score_back,
    "up.softmax": _softmax_back,
    "up.values": _values_back,
}
"""Place -> its drawing."""
