"""A score for each token: from a weight vector, or against one learned query vector, for each head.

    location   score_t = w · x_t
    others     score_t = score(q, x_t), q learned: additive, dot, general, concat or cosine
    uniform    score_t = 0, without parameters

H heads have H weight vectors or H query vectors. Scores have shape (B, H, 1, T): one query position.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.arrays import Pair
from ..functional.scores.additive import additive_scores_backward, additive_scores_forward
from ..functional.scores.concat import concat_scores_backward, concat_scores_forward
from ..functional.scores.cosine import cosine_scores_backward, cosine_scores_forward
from ..functional.scores.location import location_scores_backward, location_scores_forward
from ..functional.scores.products import (
    dot_scores_backward,
    dot_scores_forward,
    general_scores_backward,
    general_scores_forward,
)
from .parameters import Shapes


class Score(NamedTuple):
    """One way of scoring tokens, for H heads and features of width C."""

    shapes: Shapes
    """The shapes of its parameters."""
    forward: Callable[[dict[str, Array], Array], tuple[Array, Any]]
    """forward(params, features (B, T, C)) -> (scores (B, H, 1, T), saved)"""
    backward: Callable[[Array, Any], tuple[Array, dict[str, Array]]]
    """backward(d_scores, saved) -> (d_features, d_params)"""


def location(H: int, C: int) -> Score:
    """Score against one weight vector per head."""

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        scores, saved = location_scores_forward(features[:, None], params["weight"])  # (B, H, T)
        return scores[:, :, None], saved

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        d = location_scores_backward(d_scores[:, :, 0], saved)
        return d.d_x[:, 0], {"weight": d.d_weight}

    return Score({"weight": (H, C)}, forward, backward)


def against_query(pair: Pair, H: int, C: int, **others: tuple[int, ...]) -> Score:
    """Score against one learned query per head by `pair`; `others` are the shapes of its other parameters."""
    shapes = {"query": (H, 1, C), **others}

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        scores, saved = pair.forward(key=features[:, None], **params)
        return scores, saved

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        d = pair.backward(d_scores, saved)
        return d.d_key[:, 0], {name: getattr(d, f"d_{name}") for name in shapes}

    return Score(shapes, forward, backward)


def uniform(H: int, C: int) -> Score:
    """Score 0 for every token: the baseline."""

    def forward(params: dict[str, Array], features: Array) -> tuple[Array, Any]:
        batch, tokens, _ = features.shape
        return np.zeros((batch, H, 1, tokens)), features.shape

    def backward(d_scores: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        return np.zeros(saved), {}

    return Score({}, forward, backward)


ADDITIVE = Pair(additive_scores_forward, additive_scores_backward)
DOT = Pair(dot_scores_forward, dot_scores_backward)
GENERAL = Pair(general_scores_forward, general_scores_backward)
CONCAT = Pair(concat_scores_forward, concat_scores_backward)
COSINE = Pair(cosine_scores_forward, cosine_scores_backward)

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
"""The scores with parameters, by name."""

UNIFORM = "uniform"
EVERY_SCORE = SCORES | {UNIFORM: uniform}
