"""A score for each token: from a weight vector, or against one learned query vector, for each head.

    location   score_t = w · x_t
    the rest   score_t = score(q, x_t), q learned: additive, dot, general, concat or cosine

H heads have H weight vectors or H query vectors. Scores come out as (B, H, 1, T): one query position.
"uniform" scores every token 0 and learns nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

from ..functional.base.arrays import Pair
from ..training.data import Array
from .parameters import Shapes


class Score(NamedTuple):
    """One way of scoring tokens, for H heads and features of width C."""

    shapes: Shapes
    """Its parameters."""
    forward: Callable[[dict[str, Array], Array], tuple[Array, Any]]
    """forward(params, features (B, T, C)) -> (scores (B, H, 1, T), saved)"""
    backward: Callable[[Array, Any], tuple[Array, dict[str, Array]]]
    """backward(d_scores, saved) -> (d_features, d_params)"""


def location(H: int, C: int) -> Score:
    """A weight vector a head, and no query."""

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        scores, saved = na.location_scores_forward(features[:, None], params["weight"])  # (B, H, T)
        return scores[:, :, None], saved

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        d = na.location_scores_backward(d_scores[:, :, 0], saved)
        return d.d_x[:, 0], {"weight": d.d_weight}

    return Score({"weight": (H, C)}, forward, backward)


def against_query(pair: Pair, H: int, C: int, **others: tuple[int, ...]) -> Score:
    """A pair that scores the features against a learned query; its other parameters by its own names."""
    shapes = {"query": (H, 1, C), **others}

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        scores, saved = pair.forward(key=features[:, None], **params)
        return scores, saved

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        d = pair.backward(d_scores, saved)
        return d.d_key[:, 0], {name: getattr(d, f"d_{name}") for name in shapes}

    return Score(shapes, forward, backward)


def uniform(H: int, C: int) -> Score:
    """0 for every token: the baseline."""

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        batch, tokens, _ = features.shape
        return np.zeros((batch, H, 1, tokens)), features.shape

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        return np.zeros(saved), {}

    return Score({}, forward, backward)


ADDITIVE = Pair(na.additive_scores_forward, na.additive_scores_backward)
DOT = Pair(na.dot_scores_forward, na.dot_scores_backward)
GENERAL = Pair(na.general_scores_forward, na.general_scores_backward)
CONCAT = Pair(na.concat_scores_forward, na.concat_scores_backward)
COSINE = Pair(na.cosine_scores_forward, na.cosine_scores_backward)

SCORES: dict[str, Callable[[int, int], Score]] = {
    "location": location,
    "additive": lambda H, C: against_query(
        ADDITIVE, H, C, weight_query=(H, C, C), weight_key=(H, C, C), bias=(H, C), vector=(H, C)
    ),
    "dot": lambda H, C: against_query(DOT, H, C),
    "general": lambda H, C: against_query(GENERAL, H, C, weight=(H, C, C)),
    "concat": lambda H, C: against_query(CONCAT, H, C, weight=(H, 2 * C)),
    "cosine": lambda H, C: against_query(COSINE, H, C, sharpness=()),
}
"""The scores that learn, by name."""

UNIFORM = "uniform"
EVERY_SCORE = SCORES | {UNIFORM: uniform}
