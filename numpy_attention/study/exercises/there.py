"""The exercises of the way there: softmax, scale, causal-mask, attention."""

from collections.abc import Iterator

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...functional.attention.attention import attention
from ...functional.base.admission import Array
from ...functional.layers.softmax import softmax as right_softmax
from ...functional.masks.builders import visible as mask_of
from ...functional.scores.products import dot_scores
from . import planted
from .bounds import exact, of_attention, running
from .exercise import Arguments, Exercise, Named
from .operations import hide, not_later
from .problems import arguments_of, drawn, far_out, problem_of, problems

EXPONENTIAL = """
peak = rowmax({x})
shifted = {x} - peak
powers = exp(shifted)
total = rowsum(powers)
weights = powers / total
"""
"""The softmax, line by line."""

SCORES = """
turned_key = transposed(key)
products = query @ turned_key
root = width_root(query)
scores = products / root
"""

PHRASES = {
    "peak": "the largest score of the row",
    "shifted": "the scores minus the largest of their row",
    "powers": "the exponentials",
    "total": "the row sum of the exponentials",
    "products": "the dot products",
    "root": "the square root of the width",
    "turned_key": "the transposed key",
    "masked": "the masked scores",
}


def _rows() -> Iterator[tuple[str, Arguments]]:
    """Scores with hidden entries of -inf, peaked, tied, huge, and far below 0."""
    rng = np.random.default_rng(0)
    for name, shape in {"square": (4, 4), "wide": (3, 5), "tall": (5, 3), "one entry": (3, 1)}.items():
        yield name, {"x": rng.standard_normal(shape)}
    yield "hidden entries", {"x": np.where(np.tri(5, dtype=bool), rng.standard_normal((5, 5)), -np.inf)}
    yield "one score far ahead", {"x": rng.standard_normal((3, 5)) + 36.0 * (np.arange(5) == 2)}
    yield "equal scores", {"x": np.full((2, 3), 0.75)}
    yield "scores in the thousands", {"x": 5000 + 100 * rng.standard_normal((3, 5))}
    yield "scores far below zero", {"x": rng.standard_normal((3, 5)) - 5000}
    yield "rows far apart", {"x": rng.standard_normal((3, 5)) + np.array([[0.0], [2000.0], [-2000.0]])}


SOFTMAX = Exercise(
    "softmax", 10, "exponentials divided by their row's sum",
    """
    weights_s = exp(x_s) / Σ_t exp(x_t)      for each row of x

An entry may be -inf (its weight is 0; no row is all -inf), 5000 or -5000.
""",
    {"x": "(L, S)"}, {"weights": "(L, S)"},
    ({"x": np.array([[0.0, 1.0], [2.0, 2.0]])}, {"x": np.array([[0.0, 1.0, -1.0], [3.0, 0.0, 1.0]])}),
    EXPONENTIAL.format(x="x"),
    lambda x: {"weights": right_softmax(x)},
    lambda x: {"weights": FORMULAS["softmax"](running(x)).of},
    _rows, PHRASES,
    (("rows of weights sum to 1", lambda n: (n["weights"].sum(axis=-1), 1.0)),),
    planted=planted.in_softmax,
)  # fmt: skip


def _two_inputs() -> Iterator[tuple[str, Arguments]]:
    for name, problem in problems():
        yield name, {"query": problem.query, "key": problem.key}


SCALE = Exercise(
    "scale", 10, "the scores: dot products of queries and keys, scaled",
    """
    scores_ls = query_l · key_s / √D
""",
    {"query": "(L, D)", "key": "(S, D)"}, {"scores": "(L, S)"},
    ({"query": np.array([[1.0, 2.0, 0.0, 1.0]]), "key": np.array([[1.0, 1.0, 3.0, 1.0], [0.0, 1.0, 2.0,
        -2.0]])},),
    SCORES,
    lambda query, key: {"scores": dot_scores(query, key)},
    lambda query, key: {"scores": FORMULAS["dot_scores"](running(query), running(key)).of},
    _two_inputs, PHRASES,
    sizes=lambda n: {"the width": n["query"].shape[-1], "the root of the width": n["query"].shape[-1] ** 0.5,
                     "the number of keys": len(n["key"]), "the number of queries": len(n["query"])},
    planted=lambda: planted.in_score(backward=False),
)  # fmt: skip


def _masked() -> Iterator[tuple[str, Arguments]]:
    rng = np.random.default_rng(1)
    shapes = {"square": (4, 4, 0), "one step on": (4, 4, 1), "a cache": (3, 7, 4), "many queries": (6, 4, 0),
              "before the keys": (4, 3, -1), "one query": (1, 5, 3)}  # fmt: skip
    for name, (L, S, offset) in shapes.items():
        yield name, {"scores": rng.standard_normal((L, S)), "offset": offset}
    yield "scores far below zero", {"scores": rng.standard_normal((3, 5)) - 1e12, "offset": 2}
    yield "scores far above zero", {"scores": rng.standard_normal((3, 5)) + 1e12, "offset": 0}


CAUSAL_MASK = Exercise(
    "causal-mask", 10, "-inf where a key is later than the query",
    """
    masked_ls = scores_ls  where key s is not later than query l,  else -inf

Key s stands at position s, query l at position l + offset: while generating text, `offset` keys are
already there. An offset of 0 is the usual causal mask.
""",
    {"scores": "(L, S)", "offset": "whole number"}, {"masked": "(L, S)"},
    ({"scores": np.array([[1.0, 2.0], [3.0, 4.0]]), "offset": 0},
     {"scores": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), "offset": 1}),
    """
visible = not_later(scores, offset)
masked = hide(scores, visible)
""",
    lambda scores, offset: {"masked": hide(scores, not_later(scores, offset))},
    lambda scores, offset: {"masked": exact(hide(scores, not_later(scores, offset)))},
    _masked,
)  # fmt: skip


SMALL = drawn(2, 2, 1, 1).replace(
    query=np.array([[1.0], [2.0]]), key=np.array([[1.0], [0.0]]), value=np.array([[2.0], [4.0]]),
    d_out=np.array([[1.0], [-1.0]]), mask=np.array([[True, True], [True, True]]),
)  # fmt: skip
"""Width 1, two queries and two keys: four numbers."""

SCALED = drawn(1, 2, 4, 1).replace(
    query=np.array([[1.0, 1.0, 0.0, 2.0]]), key=np.array([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 2.0, 1.0]]),
    value=np.array([[1.0], [3.0]]), d_out=np.array([[1.0]]), mask=np.array([[True, True]]),
)  # fmt: skip
"""Width 4, whose root is 2."""

HIDDEN = SMALL.replace(mask=np.array([[True, False], [True, True]]))


def _attention_cases() -> Iterator[tuple[str, Arguments]]:
    for name, problem in (*problems(), *far_out()):
        yield name, arguments_of(problem)


def _out(query: Array, key: Array, value: Array, visible: Array) -> Named:
    return {"out": attention(query, key, value, mask=mask_of(visible))}


ATTENTION = Exercise(
    "attention", 15, "softmax of the visible scores, times the values",
    """
    scores  = query keyᵀ / √D
    masked  = scores  where visible,  else -inf
    weights = softmax(masked)      for each row
    out     = weights value

Each query sees at least one key. Scores may be in the thousands.
""",
    {"query": "(L, D)", "key": "(S, D)", "value": "(S, E)", "visible": "(L, S), True = may attend"},
    {"out": "(L, E)"},
    tuple(arguments_of(problem) for problem in (SMALL, SCALED, HIDDEN)),
    SCORES + "masked = hide(scores, visible)" + EXPONENTIAL.format(x="masked") + "out = weights @ value",
    _out,
    lambda **n: of_attention(problem_of(**n), "out"),
    _attention_cases, PHRASES,
    (("each column of out lies between the least and the largest value", lambda n: (
        np.clip(n["out"], n["value"].min(axis=0), n["value"].max(axis=0)), n["out"])),),
    sizes=SCALE.sizes,
    planted=lambda: planted.in_attention(backward=False),
)  # fmt: skip

EXERCISES = (SOFTMAX, SCALE, CAUSAL_MASK, ATTENTION)
