"""Mistakes with grouped heads, where n = H / G query heads share each key head."""

from typing import Any

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    ScoreGradients,
    ScoreSaved,
    Steps,
    ValuesGradients,
    ValuesSaved,
    score_backward,
    score_forward,
    values_backward,
    values_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ...reference.inputs import Inputs
from ..conditions import has_grouped_heads
from ..fault import FaultFamily

HEADS = FaultFamily("heads")


def _group_size(rows: Array, key: Array) -> int:
    """The number of query heads that share a key head."""
    one = rows.ndim < 3 or key.ndim < 3 or not key.shape[-3]
    return 1 if one else rows.shape[-3] // key.shape[-3]


def _with_head_shares(share: Any) -> Steps:
    """The steps with d_key and d_value = Σ_h share(h, n) * the gradient of query head h of the group."""

    def weighted(d: Array, key: Array) -> Array:
        n = _group_size(d, key)
        if n == 1:
            return d
        shares = np.array([share(h, n) for h in range(n)], dtype=float)
        return np.asarray(d * np.resize(shares, d.shape[-3])[:, None, None])

    def score_back(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
        of_weighted = score_backward(weighted(d_scores, saved.key), saved)
        return score_backward(d_scores, saved)._replace(d_key=of_weighted.d_key)

    def values_back(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
        of_weighted = values_backward(weighted(d_out, saved.value), saved)
        return values_backward(d_out, saved)._replace(d_value=of_weighted.d_value)

    return STEPS._replace(score=Pair(score_forward, score_back), values=Pair(values_forward, values_back))


@HEADS.steps(active=has_grouped_heads)
def first_head_of_group() -> Steps:
    """d_key and d_value of a group are those of its first query head, not their sum over the group."""
    return _with_head_shares(lambda h, n: h == 0)


@HEADS.steps(active=has_grouped_heads)
def last_head_of_group() -> Steps:
    """d_key and d_value of a group are those of its last query head: each overwrites the one before."""
    return _with_head_shares(lambda h, n: h == n - 1)


@HEADS.steps(active=has_grouped_heads)
def mean_of_group() -> Steps:
    """d_key and d_value are averaged over the query heads of a group, not summed."""
    return _with_head_shares(lambda h, n: 1 / n)


def _order_matters(call: Inputs) -> bool:
    """Where query heads share a key head, and G > 1."""
    n = call.lengths
    return 1 < n.G < n.H


def _tiled_order(H: int, G: int) -> Array:
    """The query heads ordered so that those with equal h % G are adjacent."""
    return np.arange(H).reshape(-1, max(G, 1)).T.ravel()


def _take_heads(x: Any, order: Array) -> Any:
    """The array with its heads reordered, if it has several."""
    return x if x is None or np.ndim(x) < 3 or x.shape[-3] == 1 else np.take(x, order, axis=-3)


@HEADS.steps(active=_order_matters)
def heads_tiled() -> Steps:
    """Query head h reads key and value head h % G (np.tile), not h // (H / G) (np.repeat).

    As in the test data of ONNX 1.18.
    """

    def order_of(rows: Array, key: Array) -> Array:
        H = rows.shape[-3] if rows.ndim > 2 else 1
        return _tiled_order(H, H // _group_size(rows, key))

    def score(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array, Any]:
        order = order_of(query, key)
        scale = _take_heads(np.asarray(scale), order)
        scores, saved = score_forward(_take_heads(query, order), key, scale, _take_heads(visible, order))
        return _take_heads(scores, np.argsort(order)), (saved, order)

    def score_back(d_scores: Array, kept: Any) -> ScoreGradients:
        saved, order = kept
        right = score_backward(_take_heads(d_scores, order), saved)
        back = np.argsort(order)
        return right._replace(
            d_query=_take_heads(right.d_query, back), d_scale=_take_heads(right.d_scale, back)
        )

    def values(thinned: Array, value: Array, visible: Any = None) -> tuple[Array, Any]:
        order = order_of(thinned, value)
        out, saved = values_forward(_take_heads(thinned, order), value, _take_heads(visible, order))
        return _take_heads(out, np.argsort(order)), (saved, order)

    def values_back(d_out: Array, kept: Any) -> ValuesGradients:
        saved, order = kept
        right = values_backward(_take_heads(d_out, order), saved)
        return right._replace(d_thinned=_take_heads(right.d_thinned, np.argsort(order)))

    return STEPS._replace(score=Pair(score, score_back), values=Pair(values, values_back))


@HEADS.steps(active=_order_matters)
def group_summed_interleaved() -> Steps:
    """d_key and d_value of head g are summed over the query heads with h % G = g, though forward repeats."""
    tiled = heads_tiled()

    def score_back(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
        _, kept = tiled.score.forward(saved.query, saved.key, saved.scale, saved.visible)
        return score_backward(d_scores, saved)._replace(d_key=tiled.score.backward(d_scores, kept).d_key)

    def values_back(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
        _, kept = tiled.values.forward(*saved)
        return values_backward(d_out, saved)._replace(d_value=tiled.values.backward(d_out, kept).d_value)

    return STEPS._replace(score=Pair(score_forward, score_back), values=Pair(values_forward, values_back))
