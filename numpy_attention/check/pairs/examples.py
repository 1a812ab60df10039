"""Calls that reach every branch of every pair, named by what they reach.

Sizes are small and mostly distinct primes, so a swapped axis cannot pass; key and value never share an array
with query; hidden, peaked, empty and single rows are covered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...functional.attention.attention import (
    AttentionGradients,
    AttentionSaved,
    attention_backward,
    attention_forward,
)
from ...functional.attention.biases import alibi, relative
from ...functional.attention.dropout import dropout, dropout_multipliers
from ...functional.base.admission import Array
from ...functional.masks.builders import causal, hidden, padding, prefix, real_keys, segments, visible, window

B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2
INF = float("inf")


class Example(NamedTuple):
    """A call of a pair: the branch it reaches, positional and keyword arguments.

    `order` is the highest derivative that exists there: 1 at a kink.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = MappingProxyType({})
    order: int = 2


def normal(*shape: int, size: float = 1.0) -> Array:
    """Standard normal numbers times `size`, seeded by the shape."""
    seed = [len(shape), *shape]
    return size * np.random.default_rng(seed).standard_normal(shape)


def spread(low: float, high: float, *shape: int) -> Array:
    """Evenly spaced numbers from low to high, shuffled."""
    count = int(np.prod(shape))
    order = np.random.default_rng(count).permutation(count)
    return np.asarray(np.linspace(low, high, count)[order].reshape(shape))


def _with(array: Array, value: float, *where: Any) -> Array:
    changed = array.copy()
    changed[where] = value
    return changed


# ------------------------------------------------------------------------------------------ attention

SOME = np.arange(L)[:, None] != np.arange(S)[None, :]
QKV = (normal(B, H, L, D), normal(1, G, S, D), normal(B, G, S, E))
ONE_HEAD = (normal(L, D), normal(S, D), normal(S, E))

_MASKS = {
    "causal, top left": causal("top_left"),
    "causal, bottom right": causal("bottom_right"),
    "causal, an offset per batch entry": causal(offset=[0, 3]),
    "a window": window(2, 1, "bottom_right"),
    "a window open to the left": window(None, 0, offset=1),
    "padding, one batch entry fully masked": padding([0, 4]),
    "real keys": real_keys(normal(B, S) > -0.5),
    "packed documents": segments([0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 3, 3]),
    "a prefix": prefix(3) | causal("top_left"),
    "everything hidden": hidden(np.ones((L, S), dtype=bool)),
    "visible pairs, combined": ~visible(SOME) | hidden(SOME) & padding([5, 7]),
}

_OPTIONS: dict[str, Any] = {
    "mask": causal("bottom_right") & padding([0, 6]),
    "bias": _with(normal(H, 1, S), -INF, 0, 0, 2),
    "softcap": 2.0,
    "sinks": _with(normal(B, H), -INF, 0, 1),
    "dropout": dropout(seed=3, rate=0.3),
}

ATTENTION = (
    Example("one head", ONE_HEAD),
    Example("grouped heads and broadcast batches", QKV),
    Example("every option at once", QKV, _OPTIONS | {"scale": spread(0.5, 1.5, H, 1, 1)}),
    Example("one scale", ONE_HEAD, {"scale": np.array(0.7)}),
    Example("a scale for each pair, some hidden", ONE_HEAD, {"scale": normal(L, S), "mask": visible(SOME)}),
    Example("softcap", QKV, {"softcap": 1.5}),
    Example("bias for every pair", ONE_HEAD, {"bias": normal(L, S)}),
    Example("bias that hides", ONE_HEAD, {"bias": np.where(SOME, normal(1, S), -INF)}),
    Example("sinks", QKV, {"sinks": normal(H)}),
    Example("sinks above all scores", ONE_HEAD, {"sinks": np.array(20.0)}),
    Example("sinks in fully masked rows", QKV, {"sinks": normal(H), "mask": padding([0, 7])}),
    Example("dropout as multipliers", QKV, {"dropout": dropout_multipliers(5, 0.4, (H, L, S))}),
    Example("one score 36 ahead", (spread(-6, 6, 1, 5, 3), spread(-6, 6, 1, 7, 3), normal(1, 7, 2))),
    *(Example(name, QKV, {"mask": mask}) for name, mask in _MASKS.items()),
    Example("one key", (normal(L, D), normal(1, D), normal(1, E))),
    Example("no key", (normal(L, D), normal(0, D), normal(0, E))),
    Example("no query", (normal(0, D), normal(S, D), normal(S, E))),
    Example("no width", (normal(L, 0), normal(S, 0), normal(S, E))),
    Example("no batch entry", (normal(0, H, L, D), normal(1, G, S, D), normal(1, G, S, E))),
)

TILED = tuple(
    Example(f"{name}, by tiles", args, {**kwargs, "block": (2, 3)}, order)
    for name, args, kwargs, order in ATTENTION
)

ATTEND = (
    Example("one head", (normal(L, S), normal(S, E))),
    Example("grouped heads and broadcast batches", (normal(1, H, L, S), normal(B, G, S, E))),
    Example("every option at once", (normal(B, H, L, S), normal(1, G, S, E)), _OPTIONS),
    Example("no key", (normal(L, 0), normal(0, E))),
)


def all_outputs_forward(
    query: Array, key: Array, value: Array, **options: Any
) -> tuple[tuple[Any, Array, Array], AttentionSaved]:
    """Attention with all differentiable outputs: out, weights, lse."""
    out, saved = attention_forward(query, key, value, **options)
    return (out, saved.weights, saved.lse), saved


def all_outputs_backward(d: tuple[Any, Any, Any], saved: AttentionSaved) -> AttentionGradients:
    """Gradients from the cotangents of out, weights and lse."""
    return attention_backward(d[0], saved, d_weights=d[1], d_lse=d[2])


def _with_bias(value_of: Any) -> tuple[Any, Any]:
    """Attention as a pair in which the parameter of a bias value is an argument too."""

    def forward(query: Array, key: Array, value: Array, parameter: Array, *rest: Any) -> Any:
        return attention_forward(query, key, value, bias=value_of(parameter, *rest))

    def backward(d_out: Any, saved: AttentionSaved) -> dict[str, Any]:
        d_query, d_key, d_value, d_bias, *_ = attention_backward(d_out, saved)
        return {"d_query": d_query, "d_key": d_key, "d_value": d_value, "d_parameter": d_bias[0]}

    return forward, backward


ALIBI_PAIR = _with_bias(alibi)
ALIBI = (
    Example("a slope for each head", (*QKV, spread(0.1, 0.9, H), "bottom_right")),
    Example("one head, an offset", (*ONE_HEAD, np.array(0.3), None, 1)),
)
BUCKETS = np.clip(np.arange(S) - np.arange(L)[:, None], -2, 3) + 2
RELATIVE_PAIR = _with_bias(relative)
RELATIVE = (
    Example("a table for each head", (*QKV, normal(H, 6), BUCKETS)),
    Example("a table for each batch entry", (*QKV, normal(B, 1, 6), BUCKETS)),
    Example("one head, one entry hiding", (*ONE_HEAD, _with(normal(6), -INF, 4), BUCKETS)),
)

ALPHA_ENTMAX = (
    *(
        Example(name, (spread(-1.0, 1.3, 3, 7), np.array(alpha)))
        for name, alpha in {
            "below softmax": 0.7, "softmax": 1.0, "just above softmax": 1 + 1e-9, "alpha 1.2": 1.2,
            "alpha 1.5": 1.5, "sparsemax": 2.0, "above sparsemax": 3.0,
        }.items()
    ),
    Example("an alpha for each head", (normal(B, 3, L, S), spread(1.0, 2.0, 3, 1, 1))),
    Example("the first axis", (normal(5, 3), spread(1.1, 1.9, 1, 3), 0)),
    Example("entries of -inf, and a row of them",
            (_with(_with(normal(3, 5), -INF, 1, 2), -INF, 2), spread(1.0, 1.5, 3, 1))),
    Example("one 36 ahead", (_with(normal(3, 5), 36.0, 1, 2), np.array(1.0))),
    Example("ties", (_with(np.zeros((3, 5)), 0.7, slice(None), 2), np.array(1.5))),
    Example("one entry", (normal(3, 1), np.array(1.5))),
    Example("no entry", (normal(3, 0), np.array(1.5))),
    Example("no row", (normal(0, 5), np.array(1.5))),
)  # fmt: skip
ENTMAX_ATTENTION = (
    Example("one head", ONE_HEAD, {"alpha": np.array(1.5)}),
    Example("every option at once", QKV,
            _OPTIONS | {"scale": spread(0.5, 1.5, H, 1, 1), "alpha": spread(1.0, 2.0, H, 1, 1)}),
    Example("no key", (normal(L, D), normal(0, D), normal(0, E)), {"alpha": np.array(1.5)}),
)  # fmt: skip
_DISTANCE = np.abs(np.arange(L)[:, None] - np.arange(S))
SPAN_BIAS = (
    Example("all in reach", (_DISTANCE[0], np.array(1.6), 6.0)),
    Example("a span for each head", (_DISTANCE, spread(0.3, 3.7, H, 1, 1), 2.5)),
    Example("one span", (_DISTANCE[0], np.array(1.6), 3.0)),
    Example("no key", (_DISTANCE[:, :0], np.array(1.6), 3.0)),
)

# -------------------------------------------------------------------------------------- the seven steps

SCORES = normal(B, H, L, S)
VISIBLE = np.broadcast_to(SOME, SCORES.shape)

SCORE_STEP = Example("grouped heads", (QKV[0], QKV[1], spread(0.5, 1.5, H, 1, 1)))
SOFTCAP_STEP = Example("a cap", (SCORES, 1.5))
BIAS_STEP = Example("a bias for each head", (SCORES, normal(H, 1, S)))
MASK_STEP = Example("some hidden", (SCORES, VISIBLE))
SOFTMAX_STEP = Example("sinks", (np.where(VISIBLE, SCORES, -INF), normal(B, H), VISIBLE))
ENTMAX_STEP = Example("sinks", SOFTMAX_STEP.args, {"alpha": spread(1.0, 2.0, H, 1, 1)})
DROPOUT_STEP = Example("some dropped", (SCORES, dropout_multipliers(5, 0.4, SCORES.shape)))
VALUES_STEP = Example("grouped heads", (SCORES, QKV[2]))


# ------------------------------------------------------------------------------------------------ scores

_PAIR = (normal(B, 1, L, D), normal(3, S, D))

DOT_SCORES = (
    Example("the default scale", _PAIR),
    Example("one scale", _PAIR, {"scale": np.array(0.7)}),
    Example("a scale for each query", _PAIR, {"scale": spread(0.5, 1.5, L, 1)}),
    Example("no width", (normal(L, 0), normal(S, 0))),
)
GENERAL_SCORES = (
    Example("one weight", (normal(B, L, D), normal(S, E), normal(D, E))),
    Example("a weight for each head", (normal(B, 1, L, D), normal(1, S, E), normal(3, D, E))),
)
_ADDITIVE_WEIGHTS = (normal(11, D), normal(11, E), normal(11), normal(1, 11)[0])
_ADDITIVE_HEADS = (normal(3, 5, D), normal(3, 5, E), normal(3, 5), normal(1, 3, 5)[0])
ADDITIVE_SCORES = (
    Example("one head", (normal(B, L, D), normal(S, E), *_ADDITIVE_WEIGHTS)),
    Example("parameters for each head", (normal(3, 1, D), normal(B, 1, S, E), *_ADDITIVE_HEADS)),
)
CONCAT_SCORES = tuple(
    Example(activation, (normal(B, L, D), normal(S, E), normal(D + E)), {"activation": activation})
    for activation in ("tanh", "sigmoid", "relu", "leaky_relu", "identity")
) + (Example("a weight for each head", (normal(3, 1, D), normal(B, 1, S, E), normal(3, D + E))),)
COSINE_SCORES = (
    Example("directions", (*_PAIR, np.array(3.0))),
    Example("a vector of zeros", (_with(normal(L, D), 0.0, 2), normal(S, D), np.array(3.0)), order=1),
    Example("far from 1", (normal(L, D, size=1e-100), normal(S, D, size=1e100), np.array(3.0))),
)
LOCATION_SCORES = (
    Example("no bias", (normal(B, S, D), normal(D))),
    Example("a bias", (normal(B, S, D), normal(D), np.array(0.5))),
    Example("a weight for each head", (normal(B, 1, S, D), normal(3, D), np.array(0.5))),
)

# ------------------------------------------------------------------------------- layers and losses

ROWS = (
    Example("the last axis", (normal(3, 5),)),
    Example("the first axis", (normal(5, 3), 0)),
    Example("entries of -inf, and a row of them", (_with(_with(normal(3, 5), -INF, 1, 2), -INF, 2),)),
    Example("one 36 ahead", (_with(normal(3, 5), 36.0, 1, 2),)),
    Example("ties", (np.zeros((3, 5)),)),
    Example("one entry", (normal(3, 1),)),
    Example("no entry", (normal(3, 0),)),
    Example("no row", (normal(0, 5),)),
)
LINEAR = (
    Example("no bias", (normal(2, 3, 5), normal(7, 5))),
    Example("a bias", (normal(3, 5), normal(7, 5), normal(7))),
    Example("one vector", (normal(5), normal(7, 5), normal(7))),
    Example("no row", (normal(0, 5), normal(7, 5), normal(7))),
)
ELEMENTS = (
    Example("both signs", (normal(3, 5),)),
    Example("saturated", (spread(-40.0, 40.0, 2, 5),)),
    Example("far out", (np.array([-1e4, 1e4]),)),
    Example("a number", (np.array(0.3),)),
    Example("nothing", (normal(0, 3),)),
)
STEEPER = Example("another slope", (normal(3, 5), 0.3))

LAYER_NORM = (
    Example("rows", (normal(2, 3, 5), normal(5), normal(1, 5)[0])),
    Example("a constant row", (_with(normal(3, 5), 2.0, 1), normal(5), normal(1, 5)[0]), {"eps": 0.1}),
    Example("one entry", (normal(3, 1), normal(1), normal(1, 1)[0])),
    Example("no entry", (normal(3, 0), normal(0), normal(1, 0)[0])),
    Example("no row", (normal(0, 5), normal(5), normal(1, 5)[0])),
)
RMS_NORM = (
    Example("rows", (normal(2, 3, 5), normal(5))),
    Example("another eps", (normal(3, 5), normal(5)), {"eps": 0.1}),
    Example("no entry", (normal(3, 0), normal(0))),
)
EMBEDDING = (
    Example("rows looked up twice", (np.array([[2, 0, 2], [5, 2, 1]]), normal(7, 3))),
    Example("nothing looked up", (np.zeros(0, dtype=int), normal(7, 3))),
)
ROTARY = (
    Example("interleaved", (normal(2, 3, 5, 4), np.arange(5))),
    Example("halves", (normal(3, 5, 4), np.arange(5) + 0.5), {"layout": "halves"}),
    Example("a part of the width", (normal(3, 5, 7), np.arange(3, 8)), {"width": 4, "base": 100.0}),
    Example("positions for each batch entry", (normal(2, 5, 4), np.arange(10).reshape(2, 5))),
    Example("no width", (normal(3, 5, 7), np.arange(5)), {"width": 0}),
)

_REDUCTIONS = ("mean", "sum", "none")
_SMOOTHED_SUM = {"label_smoothing": 0.2, "ignore_index": -1, "reduction": "sum"}
CLASSES = (
    *(Example(how, (normal(3, 5), np.array([4, 0, 2])), {"reduction": how}) for how in _REDUCTIONS),
    Example("some ignored", (normal(2, 3, 5), np.array([[4, 9, 2], [9, 1, 0]])), {"ignore_index": 9}),
    Example("all ignored", (normal(2, 5), np.array([9, 9])), {"ignore_index": 9}),
    Example("smoothed", (normal(3, 5), np.array([4, 0, 2])), {"label_smoothing": 0.2}),
    Example("smoothed, some ignored", (normal(3, 5), np.array([4, -1, 2])), _SMOOTHED_SUM),
    Example("confident", (normal(3, 5, size=40.0), np.array([4, 0, 2]))),
    Example("one class", (normal(3, 1), np.array([0, 0, 0]))),
    Example("no row", (normal(0, 5), np.zeros(0, dtype=int))),
    *(
        Example(f"class weights, {how}", (normal(3, 5), np.array([4, -1, 2])), weighted | {"reduction": how})
        for weighted in ({"weight": spread(0.2, 3.0, 5), "ignore_index": -1, "label_smoothing": 0.2},)
        for how in _REDUCTIONS
    ),
    Example("class weights alone", (normal(3, 5), np.array([4, 0, 2])), {"weight": spread(0.0, 3.0, 5)}),
)
_SHARES = spread(0.0, 1.0, 3, 5)
DISTRIBUTIONS = (
    *(Example(how, (normal(3, 5), _SHARES), {"reduction": how}) for how in _REDUCTIONS),
    Example("smoothed, with class weights", (normal(3, 5), _SHARES),
            {"label_smoothing": 0.2, "weight": spread(0.2, 3.0, 5)}),
    Example("confident", (normal(3, 5, size=40.0), _SHARES), {"reduction": "sum"}),
    Example("no class", (normal(3, 0), normal(3, 0))),
    Example("no row", (normal(0, 5), normal(0, 5))),
)  # fmt: skip
_YES_NO = normal(3, 5) > 0
PROBABILITIES = (
    *(Example(how, (spread(0.01, 0.99, 3, 5), _YES_NO), {"reduction": how}) for how in _REDUCTIONS),
    Example("soft targets", (spread(0.01, 0.99, 3, 5), spread(0.0, 1.0, 3, 5))),
    Example("floored", (np.array([1e-50, 0.5]), np.array([1, 1])), order=1),
    Example("nothing", (normal(0, 3), np.zeros((0, 3)))),
)
LOGITS = (
    *(Example(how, (normal(3, 5, size=9.0), _YES_NO), {"reduction": how}) for how in _REDUCTIONS),
    Example("soft targets", (normal(3, 5), spread(0.0, 1.0, 3, 5))),
    Example("far out", (np.array([-1e4, 1e4, -1e4, 1e4]), np.array([0, 1, 1, 0]))),
    Example("nothing", (normal(0, 3), np.zeros((0, 3)))),
    Example("a weight of yes", (normal(3, 5), _SHARES), {"pos_weight": np.array(3.0)}),
    Example("weights of yes", (normal(3, 5), _YES_NO), {"pos_weight": spread(0, 4, 5), "reduction": "sum"}),
    Example("each", (normal(3, 5), _YES_NO), {"pos_weight": spread(0, 4, 3, 1), "reduction": "none"}),
)
PREDICTIONS = (
    *(Example(how, (normal(3, 5), normal(5, 3).T), {"reduction": how}) for how in _REDUCTIONS),
    Example("nothing", (normal(0, 3), np.zeros((0, 3)))),
)
