"""The exercises around the seven steps: heads, grouped-back, rotary-back, online-softmax."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...check.outside.running import Running
from ...functional.attention.attention import attention
from ...functional.attention.steps import STEPS
from ...functional.base.admission import Array
from ...functional.layers.positions import rotary, rotary_backward, rotary_forward
from ...functional.tiled.online_softmax import RunningSoftmax, include
from . import planted
from .bounds import of_gradients, running
from .changes import AXIS, ORDER
from .exercise import Arguments, Exercise, Named, Slip
from .operations import join_heads, split_heads
from .problems import TINY
from .there import EXPONENTIAL, PHRASES

Cases = Iterator[tuple[str, Arguments]]


def _inner(x: Array, y: Array) -> Any:
    return (x * y).sum()


# ----------------------------------------------------------------------------------------- heads


def _heads_cases() -> Cases:
    rng = np.random.default_rng(4)
    for name, (L, S, C, heads), size in (
        ("square", (4, 4, 4, 2), 1.0), ("fewer queries than keys", (3, 5, 6, 3), 1.0),
        ("more queries than keys", (6, 4, 6, 2), 1.0), ("one head", (3, 5, 4, 1), 1.0),
        ("one column a head", (3, 4, 3, 3), 1.0), ("scores in the thousands", (3, 5, 6, 2), 40.0),
    ):  # fmt: skip
        query, key, value = (rng.standard_normal((n, C)) for n in (L, S, S))
        yield name, {"query": size * query, "key": size * key, "value": value, "number": heads}


def _heads(query: Array, key: Array, value: Array, number: int) -> Named:
    return {"out": join_heads(attention(*(split_heads(x, number) for x in (query, key, value))))}


def _heads_bounds(query: Array, key: Array, value: Array, number: int) -> Any:
    def split(x: Array) -> Running:
        places = split_heads(np.arange(x.size).reshape(x.shape), number)
        return running(x)[np.unravel_index(places, x.shape)]

    weights = FORMULAS["softmax"](FORMULAS["dot_scores"](split(query), split(key)))
    out = weights @ split(value)
    places = join_heads(np.arange(out.of.value.size).reshape(out.shape))
    return {"out": out[np.unravel_index(places, out.shape)].of}


def _by_heads(scale_of: Any, pairs: bool = True) -> Any:
    def wrong(query: Array, key: Array, value: Array, number: int) -> Named:
        parts = (
            [split_heads(x, number) for x in (query, key, value)]
            if pairs
            else [x[None] for x in (query, key, value)]
        )
        return {"out": join_heads(attention(*parts, scale=scale_of(query, number)))}

    return wrong


HEADS = Exercise(
    "heads", 20, "attention in several heads, without projections",
    """
    Each of H heads takes its own C / H neighbouring columns of query, key and value:
    head 0 the first C / H, head 1 the next, …
    out_h = softmax(query_h key_hᵀ / √(C / H)) value_h,  and out holds the heads' results side by side.
""",
    {"query": "(L, C)", "key": "(S, C)", "value": "(S, C)", "number": "H, which divides C"},
    {"out": "(L, C)"},
    ({"query": np.array([[1.0, 0.0], [0.0, 2.0]]), "key": np.array([[1.0, 0.0], [0.0, 1.0]]),
      "value": np.array([[1.0, 2.0], [3.0, 6.0]]), "number": 2},),
    """
queries = split_heads(query, number)
keys = split_heads(key, number)
values = split_heads(value, number)
turned_key = transposed(keys)
products = queries @ turned_key
root = width_root(queries)
scores = products / root
""" + EXPONENTIAL.format(x="scores") + """
each = weights @ values
out = join_heads(each)
""",
    _heads, _heads_bounds, _heads_cases,
    PHRASES | {"each": "each head's result", "queries": "each head's query", "keys": "each head's key",
               "values": "each head's value"},
    sizes=lambda n: {"the width of a head": n["query"].shape[-1] // n["number"],
                     "the number of heads": n["number"]},
    slips=(Slip(AXIS, "the scores are divided by the root of the whole width, not of a head's",
                _by_heads(lambda query, heads: query.shape[-1] ** -0.5)),
           Slip("the heads", "there is one head only: the columns are not split",
                _by_heads(lambda query, heads: query.shape[-1] ** -0.5, pairs=False))),
)  # fmt: skip


# ---------------------------------------------------------------------------------- grouped heads


def _grouped_cases() -> Cases:
    rng = np.random.default_rng(5)
    for name, (H, G, L, S, D), size in (
        ("two groups of two", (4, 2, 3, 5, 2), 1.0), ("three groups of two", (6, 3, 5, 3, 4), 1.0),
        ("one group", (3, 1, 2, 4, 3), 1.0), ("groups of one", (3, 3, 2, 4, 3), 1.0),
        ("all sizes equal", (4, 2, 4, 4, 4), 1.0), ("tiny gradients", (4, 2, 3, 5, 2), TINY),
    ):  # fmt: skip
        yield name, {"d_scores": size * rng.standard_normal((H, L, S)), "query": rng.standard_normal((H, L,
            D)),
                     "key": rng.standard_normal((G, S, D))}  # fmt: skip


def _grouped_back(d_scores: Array, query: Array, key: Array) -> Named:
    found = STEPS.score.backward(d_scores, STEPS.score.forward(query, key, 1.0)[1])
    return {"d_query": found.d_query, "d_key": found.d_key}


def _grouped_bounds(d_scores: Array, query: Array, key: Array) -> Any:
    leaves = {"query": running(query), "key": running(key)}
    repeated = leaves["key"][np.arange(len(query)) // (len(query) // len(key))]
    return of_gradients(leaves["query"] @ repeated.transposed, d_scores, leaves)


GROUPED_BACK = Exercise(
    "grouped-back", 20, "the gradients of scores whose query heads share key heads",
    """
    scores_h = query_h key_gᵀ      query head h reads key head g = h // (H / G)

A loss has the gradient d_scores with respect to the scores (no scale here). Return its gradients with
respect to query and key.
""",
    {"d_scores": "(H, L, S)", "query": "(H, L, D)", "key": "(G, S, D), G divides H"},
    {"d_query": "(H, L, D)", "d_key": "(G, S, D)"},
    ({"d_scores": np.array([[[1.0]], [[2.0]]]), "query": np.array([[[3.0]], [[5.0]]]),
      "key": np.array([[[4.0]]])},
     {"d_scores": np.array([[[1.0]], [[2.0]], [[0.0]], [[1.0]]]), "query": np.array([[[3.0]], [[5.0]],
         [[1.0]], [[2.0]]]),
      "key": np.array([[[4.0]], [[7.0]]])}),
    """
keys = repeat_heads(key, query)
d_query = d_scores @ keys
turned = transposed(d_scores)
d_keys = turned @ query
d_key = sum_groups(d_keys, key)
""",
    _grouped_back, _grouped_bounds, _grouped_cases,
    {"keys": "each query head's key", "turned": "the transposed d_scores",
     "d_keys": "the gradient of each query head's key"},
    (("the sum of d_query times query is that of d_key times key",
      lambda n: (_inner(n["d_query"], n["query"]), _inner(n["d_key"], n["key"]))),),
    lambda n: ({"query": n["query"], "key": n["key"]}, lambda query, key: STEPS.score.forward(query, key,
        1.0)[0]),
    lambda n: {"the number of query heads": len(n["query"]), "the number of key heads": len(n["key"]),
               "the size of a group": len(n["query"]) // len(n["key"]),
               "the root of the width": n["key"].shape[-1] ** 0.5},
    planted.in_groups,
)  # fmt: skip


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
     "sine": "the sine", "angles": "the angle", "d_first": "the gradient of each first entry",
     "d_second": "the gradient of each second entry", "first_cos": "first entry times cosine",
     "second_sin": "second entry times sine", "second_cos": "second entry times cosine",
     "first_sin": "first entry times sine"},
    (("each pair of d_x is as long as that of d_out", lambda n: (
        n["d_x"][:, ::2] ** 2 + n["d_x"][:, 1::2] ** 2, n["d_out"][:, ::2] ** 2 + n["d_out"][:, 1::2] ** 2)),
        ),
    lambda n: ({"x": np.zeros(n["d_out"].shape)}, partial(rotary, positions=n["positions"])),
    lambda n: {"the width": n["d_out"].shape[-1]},
    lambda: planted.in_rule("rotary", lambda d_out, positions: (
        {"x": np.zeros(d_out.shape), "positions": positions}, d_out), "d_x"),
    (Slip("a sign is wrong", "the gradient is turned by the same angle as x, not back", _same_angle),
     Slip(ORDER, "entries are paired across the halves of the row, not with their neighbours", _in_halves)),
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
     "drop": "the fall from the old top to the new", "shifted": "the score less the new top",
     "total": "the old total",
     "powers": "the tile's exponential", "kept_total": "the rescaled total", "added_total": "the tile's sum",
     "kept_out": "the rescaled out", "added_out": "the tile's part of out", "out": "the old out",
     "new_total": "the new total", "new_out": "the new out"},
    slips=(Slip("a step too many", "out is divided by total already, not only after the last tile",
                lambda **n: _divided(_online(**n))),
           Slip("a step too many", "out was divided by total before: it is multiplied by the old total here",
                lambda **n: _online(**n | {"out": n["out"] * n["total"]}))),
)  # fmt: skip

EXERCISES = (HEADS, GROUPED_BACK, ROTARY_BACK, ONLINE_SOFTMAX)
