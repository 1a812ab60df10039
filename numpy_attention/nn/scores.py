"""Scores in place of the dot product, each head with parameters of its own.

    general    query · weight key                                 weight (H, D, D)
    additive   vector · tanh(weight_query query + weight_key key + bias)
    concat     tanh(weight · [query; key])                        weight (H, 2 D)
    cosine     sharpness * cos(query, key)                        sharpness ()
    location   weight · key                                       weight (H, D)

query (B, H, L, D)  key (B, G, S, D)  scores (B, H, L, S). Query head h reads key head h // (H / G).
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.arrays import Pair, accurate_sum, gradient_like, shape_repr
from ..functional.scores.additive import additive_scores_backward, additive_scores_forward
from ..functional.scores.concat import concat_scores_backward, concat_scores_forward
from ..functional.scores.cosine import cosine_scores_backward, cosine_scores_forward
from ..functional.scores.location import location_scores_backward, location_scores_forward
from ..functional.scores.products import general_scores_backward, general_scores_forward
from .parameters import Params, Shapes

DOT = "dot"
PAIRS = {
    "general": Pair(general_scores_forward, general_scores_backward),
    "additive": Pair(additive_scores_forward, additive_scores_backward),
    "concat": Pair(concat_scores_forward, concat_scores_backward),
    "cosine": Pair(cosine_scores_forward, cosine_scores_backward),
    "location": Pair(location_scores_forward, location_scores_backward),
}
SCORES = (DOT, *PAIRS)
"""The scores of a multi-head attention by name."""


@shape_repr
class HeadScoresSaved(NamedTuple):
    """Query and key, the parameters by name, and what the score's own forward saved."""

    name: str
    query: Array
    key: Array
    params: Params
    pair: Any


def score_shapes(name: str, H: int, D: int) -> Shapes:
    """The shapes of a score's parameters."""
    shapes: dict[str, Shapes] = {
        "general": {"weight": (H, D, D)},
        "additive": {"weight_query": (H, D, D), "weight_key": (H, D, D), "bias": (H, D), "vector": (H, D)},
        "concat": {"weight": (H, 2 * D)},
        "cosine": {"sharpness": ()},
        "location": {"weight": (H, D)},
    }
    return shapes.get(name, {})


def head_scores_forward(name: str, params: Params, query: Array, key: Array) -> tuple[Array, HeadScoresSaved]:
    """Scores (B, H, L, S) of heads: grouped query heads become an axis of their own."""
    *batch, H, L, D = query.shape
    G, S = key.shape[-3:-1]
    rows, columns = query.reshape(*batch, G, H // G, L, D), key[..., :, None, :, :]
    grouped = {n: p.reshape(G, H // G, *p.shape[1:]) if p.ndim else p for n, p in params.items()}
    if name == "location":
        scores, saved = location_scores_forward(columns, grouped["weight"])  # (B, G, H / G, S)
        scores = scores[..., None, :].astype(np.result_type(scores, query), copy=False)
    else:
        scores, saved = PAIRS[name].forward(rows, columns, **grouped)
    scores = np.broadcast_to(scores, (*scores.shape[:-2], L, S)).reshape(*scores.shape[:-4], H, L, S)
    return scores, HeadScoresSaved(name, query, key, params, saved)


def head_scores_backward(d_scores: Array, saved: HeadScoresSaved) -> tuple[Any, Any, Params]:
    """d_query, d_key, and the gradients of the score's parameters."""
    name, query, key, params, saved_pair = saved
    H, L = query.shape[-3:-1]
    G, S = key.shape[-3:-1]
    d_grouped = d_scores.reshape(*d_scores.shape[:-3], G, H // G, L, S)
    if name == "location":
        d = location_scores_backward(accurate_sum(d_grouped, axis=-2), saved_pair)
        d_query, d_key = np.zeros(query.shape, np.result_type(query, d.d_x)), d.d_x
    else:
        d = PAIRS[name].backward(d_grouped, saved_pair)
        d_query, d_key = d.d_query, d.d_key
    d_params = {n: gradient_like(getattr(d, f"d_{n}").reshape(p.shape), p) for n, p in params.items()}
    return d_query.reshape(query.shape), d_key.reshape(key.shape), d_params
