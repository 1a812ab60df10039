"""The exercises around the seven steps: rotary-back, online-softmax."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...functional.base.admission import Array
from ...functional.layers.positions import rotary, rotary_backward, rotary_forward
from ...functional.tiled.online_softmax import RunningSoftmax, include
from . import planted
from .bounds import of_gradients, running
from .changes import ORDER
from .exercise import Arguments, Exercise, Named, Slip
from .problems import TINY

Cases = Iterator[tuple[str, Arguments]]


def _inner(x: Array, y: Array) -> Any:
    return (x * y).sum()


# ---------------------------------------------------------------------------------------- rotary


def _rotary_cases() -> Cases:
    rng = np.random.default_rng(6)
    for name, (L, D), first, size in (
        ("square", (4, 4), 0, 1.0), ("few tokens", (2, 8), 0, 1.0), ("many tokens", (7, 2), 0, 1.0),
        ("a cache", (3, 6), 11, 1.0), ("far on", (3, 4), 5000, 1.0), ("tiny gradients", (3, 6), 2, TINY),
    ):  # fmt: skip
        yield name, {"d_out": size * rng.standard_normal((L, D)), "positions": first + np.arange(L)}
    yield "in any order", {"d_out": rng.standard_normal((4, 6)), "positions": np.array([3, 0, 7, 1])}


def _rotary_back(d_out: Array, positions: Array) -> Named:
    return {"d_x": rotary_backward(d_out, rotary_forward(np.zeros(d_out.shape), positions)[1])}


def _rotary_bounds(d_out: Array, positions: Array) -> Any:
    leaves = {"x": running(np.zeros(d_out.shape))}
    return of_gradients(FORMULAS["rotary"](leaves["x"], positions), d_out, leaves)


def _in_halves(d_out: Array, positions: Array) -> Named:
    x = np.zeros(d_out.shape)
    return {"d_x": rotary_backward(d_out, rotary_forward(x, positions, layout="halves")[1])}


def _read_in_halves(d_out: Array, positions: Array) -> Named:
    return _rotary_back(np.stack(np.split(d_out, 2, axis=1), axis=-1).reshape(d_out.shape), positions)


def _same_angle(d_out: Array, positions: Array) -> Named:
    return {"d_x": rotary_forward(d_out, positions)[0]}


ROTARY_BACK = Exercise(
    "rotary-back", 20, "the gradient of a rotation by position",
    """
    Each pair of neighbouring entries (a, b) = (x_2i, x_2i+1) of the token at position p is turned by the
    angle p · 10000^(-2i / D):
    out_2i = a cos - b sin,    out_2i+1 = a sin + b cos

A loss has the gradient d_out with respect to out. Return its gradient with respect to x.
""",
    {"d_out": "(L, D), D even", "positions": "(L,)"}, {"d_x": "(L, D)"},
    ({"d_out": np.array([[1.0, 0.0], [0.0, 2.0]]), "positions": np.array([0, 1])},
     {"d_out": np.array([[1.0, 2.0, 3.0, 4.0]]), "positions": np.array([100])}),
    """
angles = rotary_angles(positions, d_out)
cosine = cos(angles)
sine = sin(angles)
first = evens(d_out)
second = odds(d_out)
first_cos = first * cosine
second_sin = second * sine
d_first = first_cos + second_sin
second_cos = second * cosine
first_sin = first * sine
d_second = second_cos - first_sin
d_x = interleaved(d_first, d_second)
""",
    _rotary_back, _rotary_bounds, _rotary_cases,
    {"first": "the first entry of each pair", "second": "the second entry of each pair",
     "cosine": "the cosine",
     "sine": "the sine", "angles": "the angles", "d_first": "the gradient of each first entry",
     "d_second": "the gradient of each second entry", "first_cos": "the first entry times the cosine",
     "second_sin": "the second entry times the sine", "second_cos": "the second entry times the cosine",
     "first_sin": "the first entry times the sine"},
    (("each pair of d_x is as long as that of d_out", lambda n: (
        n["d_x"][:, ::2] ** 2 + n["d_x"][:, 1::2] ** 2, n["d_out"][:, ::2] ** 2 + n["d_out"][:, 1::2] ** 2)),
        ),
    lambda n: ({"x": np.zeros(n["d_out"].shape)}, partial(rotary, positions=n["positions"])),
    lambda n: {"the width": n["d_out"].shape[-1]},
    lambda: planted.in_rule("rotary", lambda d_out, positions: (
        {"x": np.zeros(d_out.shape), "positions": positions}, d_out), "d_x"),
    (Slip("a sign is wrong", "the gradient is turned by the same angle as x, not back", _same_angle),
     Slip(ORDER, "entries are paired across the halves of the row, not with their neighbours", _in_halves),
     Slip(ORDER, "the halves of a row of d_out are read as first and second entries, but not written so",
          _read_in_halves)),
)  # fmt: skip


# -------------------------------------------------------------------------------- online softmax


def _tile_cases() -> Cases:
    rng = np.random.default_rng(7)
    for name, (L, S, E), lead, hidden in (
        ("square", (3, 3, 3), 0.0, 0.0), ("a wide tile", (2, 5, 3), 0.0, 0.0), ("the maximum rises", (3, 4,
            2), 5.0, 0.0),
        ("the maximum stays", (3, 4, 2), -5.0, 0.0), ("far above", (3, 4, 2), 800.0, 0.0),
        ("far below", (3, 4, 2), -800.0, 0.0), ("hidden entries", (4, 5, 2), 0.0, 0.4), ("hidden tile", (2,
            3, 2), 0.0, 1.0),
    ):  # fmt: skip
        before = rng.standard_normal((L, 4))
        top = before.max(axis=-1, keepdims=True)
        total = np.exp(before - top).sum(axis=-1, keepdims=True)
        scores = np.where(rng.random((L, S)) < hidden, -np.inf, rng.standard_normal((L, S)) + lead)
        yield name, {"top": top, "total": total, "out": rng.standard_normal((L, E)), "scores": scores,
                     "value": rng.standard_normal((S, E))}  # fmt: skip
    start = {"top": np.full((2, 1), -np.inf), "total": np.zeros((2, 1)), "out": np.zeros((2, 3))}
    yield (
        "the first tile",
        start | {"scores": rng.standard_normal((2, 4)), "value": rng.standard_normal((4, 3))},
    )


def _online(top: Array, total: Array, out: Array, scores: Array, value: Array) -> Named:
    powers, _, after = include(RunningSoftmax(top, total, out), scores)
    return {"top": after.top, "total": after.summed, "out": after.out + powers @ value}


def _divided(results: Named) -> Named:
    return results | {"out": results["out"] / results["total"]}


def _online_bounds(top: Array, total: Array, out: Array, scores: Array, value: Array) -> Any:
    new = np.maximum(top, scores.max(axis=-1, keepdims=True))
    powers, shrink = (running(scores) - new).exp(), (running(top) - new).exp()
    summed = running(total) * shrink + powers.sum()
    return {
        "top": running(new).of,
        "total": summed.of,
        "out": (running(out) * shrink + powers @ running(value)).of,
    }


ONLINE_SOFTMAX = Exercise(
    "online-softmax", 25, "one more tile of keys for softmax and output",
    """
    top   = the largest score so far                 (-inf before the first tile)
    total = Σ exp(score - top)  over the keys so far
    out   = Σ exp(score - top) value                 (divided by total only after the last tile)

A tile of further keys comes, with its scores and values. Return the three for all keys so far.
A score may be -inf (hidden), but not all scores of a row so far.
""",
    {"top": "(L, 1)", "total": "(L, 1)", "out": "(L, E)", "scores": "(L, S)", "value": "(S, E)"},
    {"top": "(L, 1)", "total": "(L, 1)", "out": "(L, E)"},
    ({"top": np.array([[1.0]]), "total": np.array([[2.0]]), "out": np.array([[3.0]]),
      "scores": np.array([[2.0, 0.0]]),
      "value": np.array([[4.0], [1.0]])},),
    """
tile_top = rowmax(scores)
new_top = larger(top, tile_top)
drop = top - new_top
shrink = exp(drop)
shifted = scores - new_top
powers = exp(shifted)
kept_total = total * shrink
added_total = rowsum(powers)
new_total = kept_total + added_total
kept_out = out * shrink
added_out = powers @ value
new_out = kept_out + added_out
""",
    _online, _online_bounds, _tile_cases,
    {"tile_top": "the tile's largest score", "new_top": "the new top", "top": "the old top",
     "shrink": "the rescaling",
     "drop": "the fall from the old top to the new", "shifted": "the scores minus the new top",
     "total": "the old total",
     "powers": "the tile's exponentials", "kept_total": "the rescaled total", "added_total": "the tile's sum",
     "kept_out": "the rescaled out", "added_out": "the tile's part of out", "out": "the old out",
     "new_total": "the new total", "new_out": "the new out"},
    slips=(Slip("a step too many", "out is divided by total already, not only after the last tile",
                lambda **n: _divided(_online(**n))),
           Slip("a step too many", "out was divided by total before: it is multiplied by the old total here",
                lambda **n: _online(**n | {"out": n["out"] * n["total"]}))),
)  # fmt: skip

EXERCISES = (ROTARY_BACK, ONLINE_SOFTMAX)
