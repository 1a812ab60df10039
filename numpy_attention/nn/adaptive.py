"""What a head learns about its own softmax: a temperature, and the α of entmax.

    scale = scale * exp(-log_temperature)        temperature 1 at first; see `temperature`
    alpha = 1 + σ(alpha_logit)                   between softmax and sparsemax; 1.5 at first

Both are parameters of a `MultiHeadAttention`, (heads,) each, None where it does not learn them.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.alpha_entmax import entmax_step
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import gradient_like, shape_repr
from ..functional.layers.activations import SigmoidSaved, sigmoid_backward, sigmoid_forward
from .parameters import Params, Shapes
from .positions.span import AdaptiveSpan
from .temperature import LEARNED, TemperatureSaved, temperature_backward, temperature_forward

SOFTMAX, ENTMAX = "softmax", "entmax"
NORMALISERS = (SOFTMAX, ENTMAX)
TEMPERATURE, ALPHA = "log_temperature", "alpha_logit"
"""The parameters' names."""


@shape_repr
class AdaptedSaved(NamedTuple):
    """What each of the two saved; None where it is not learned."""

    temperature: TemperatureSaved | None
    scale: Any
    """The argument"""
    alpha: SigmoidSaved | None


def adaptive_shapes(heads: int, temperature: str, normaliser: str) -> Shapes:
    """The shapes of the learned parameters."""
    learned = {TEMPERATURE: temperature == LEARNED, ALPHA: normaliser == ENTMAX}
    return {name: (heads,) for name, wanted in learned.items() if wanted}


def adaptive_text(normaliser: str, temperature: str, span: AdaptiveSpan | None) -> str:
    """The parts that are learned, as ", learned temperatures, learned spans"; "" if none is."""
    parts = {
        "learned temperatures": temperature == LEARNED,
        "entmax of learned alpha": normaliser == ENTMAX,
        "learned spans": span is not None,
    }
    return "".join(f", {part}" for part, learned in parts.items() if learned)


def alphas(params: Params) -> Array | None:
    """α of each head (heads, 1, 1); None where it is not learned."""
    logit = params.get(ALPHA)
    return None if logit is None else 1 + sigmoid_forward(logit)[0][:, None, None]


def own_steps(params: Params) -> Steps:
    """The steps of an attention with these parameters."""
    alpha = alphas(params)
    return STEPS if alpha is None else STEPS._replace(softmax=entmax_step(alpha))


def adapt_forward(params: Params, scale: Any, columns: int) -> tuple[Any, Array | None, AdaptedSaved]:
    """scale (heads, 1, 1) with the temperature, and alpha; the given scale, and None, where not learned.

    scale: that of the scores, 1 / √columns if None.
    """
    given, temperature, alpha = scale, None, None
    if TEMPERATURE in params:
        usual = 1 / math.sqrt(columns) if scale is None else scale
        scale, temperature = temperature_forward(np.asarray(usual), params[TEMPERATURE])
    if ALPHA in params:
        alpha = sigmoid_forward(params[ALPHA])[1]
    return scale, alphas(params), AdaptedSaved(temperature, given, alpha)


def adapt_backward(d_scale: Any, d_alpha: Any, saved: AdaptedSaved) -> tuple[Any, Params]:
    """d_scale of the argument, and the gradients of the parameters."""
    d_params: Params = {}
    if saved.temperature is not None:
        d_scale, d_log = temperature_backward(d_scale, saved.temperature)
        d_params[TEMPERATURE] = gradient_like(d_log, saved.temperature.sharpness[:, 0, 0])
        d_scale = gradient_like(d_scale, saved.scale) if isinstance(saved.scale, np.ndarray) else None
    if saved.alpha is not None:
        d_params[ALPHA] = sigmoid_backward(d_alpha[:, 0, 0], saved.alpha)
    return d_scale, d_params
