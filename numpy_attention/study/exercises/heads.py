"""The exercises with several heads: heads, grouped-back."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...check.outside.running import Running
from ...functional.attention.attention import attention
from ...functional.attention.steps import STEPS
from ...functional.base.admission import Array
from . import planted
from .bounds import of_gradients, running
from .changes import AXIS
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

EXERCISES = (HEADS, GROUPED_BACK)
