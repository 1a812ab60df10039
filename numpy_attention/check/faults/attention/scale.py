"""Mistakes with the scale of step 1."""

import math
from typing import Any

import numpy as np

from ....functional.attention.steps import ScoreGradients, ScoreSaved, score_backward, score_forward
from ....functional.base.admission import Array
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, with_option
from ..fault import FaultFamily

SCALE = FaultFamily("scale")


def _is_not_one(call: Inputs) -> bool:
    """Where the scale is not 1."""
    scale = call.scale
    return call.lengths.D > 1 if scale is None else bool((np.asarray(scale) != 1).any())


def _is_the_default(call: Inputs) -> bool:
    """Where the scale is 1/sqrt(D), and D is not 1."""
    D, scale = call.lengths.D, call.scale
    return D > 1 and (scale is None or (np.ndim(scale) == 0 and math.isclose(scale, 1 / math.sqrt(D))))


SHOWS = all_of(has_choice, _is_not_one)


@SCALE.forward("score", active=SHOWS)
def scale_missing(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array, ScoreSaved]:
    """Scores are not scaled at all: scores = query @ keyᵀ, forward and backward.

    The default of cuDNN's frontend and of Keras' Attention, used where 1/sqrt(D) is meant.
    """
    return score_forward(query, key, np.ones(np.shape(scale)), visible)


@SCALE.forward("score", active=SHOWS)
def scale_squared(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array, ScoreSaved]:
    """Query and key are both scaled before the product: scores = (scale query) @ (scale key)ᵀ."""
    return score_forward(query, key, scale * scale, visible)


@SCALE.forward("score", active=all_of(has_choice, _is_the_default))
def scale_by_width(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array, ScoreSaved]:
    """The default scale is 1/D instead of 1/sqrt(D)."""
    width = query.shape[-1]
    is_default = np.ndim(scale) == 0 and math.isclose(np.real(scale), 1 / math.sqrt(width or 1))
    wrong = 1 / max(width, 1)
    if is_default:
        scale = wrong if isinstance(scale, float) else np.asarray(wrong)
    return score_forward(query, key, scale, visible)


@SCALE.backward("score", active=SHOWS)
def scale_twice(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """Backward scales d_scores, and then d_query and d_key once more."""
    right = score_backward(d_scores, saved)
    again = score_backward(saved.scale * d_scores, saved)
    return right._replace(d_query=again.d_query, d_key=again.d_key)


@SCALE.backward("score", active=SHOWS)
def scale_missing_in_d_query(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_query = d_scores @ key: the scale is missing in d_query alone."""
    unscaled = saved._replace(scale=np.ones(np.shape(saved.scale)))
    return score_backward(d_scores, saved)._replace(d_query=score_backward(d_scores, unscaled).d_query)


@SCALE.backward("score", active=SHOWS)
def scale_missing_in_d_key(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_key = d_scoresᵀ @ query: the scale is missing in d_key alone."""
    unscaled = saved._replace(scale=np.ones(np.shape(saved.scale)))
    return score_backward(d_scores, saved)._replace(d_key=score_backward(d_scores, unscaled).d_key)


@SCALE.backward("score", active=SHOWS)
def scale_twice_in_d_key(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_key is scaled twice: the query saved for it is scaled already."""
    again = score_backward(saved.scale * d_scores, saved)
    return score_backward(d_scores, saved)._replace(d_key=again.d_key)


@SCALE.backward("score", active=all_of(with_option("scale"), SHOWS))
def scale_gradient_of_the_scores(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_scale = Σ d_scores * scores, with the scaled scores in place of query @ keyᵀ."""
    if saved.products is None:
        return score_backward(d_scores, saved)
    scaled = saved._replace(products=saved.scale * saved.products)
    return score_backward(d_scores, saved)._replace(d_scale=score_backward(d_scores, scaled).d_scale)
