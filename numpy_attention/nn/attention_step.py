"""The attention inside a layer: by which function, with which score, and back.

reference   in float64, every intermediate result saved      float64, complex numbers, other scores
blockwise   tile by tile, in the precision of its inputs
fast        the same as fast as NumPy can                     float32 and float16

Instead of a name, `attention=` takes a function from the parameters of the layer to the steps of the
reference that run there: see `interventions`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.attention.attention import AttentionSaved, attention_backward, attention_forward
from ..functional.attention.entmax_attention import (
    EntmaxAttentionSaved,
    entmax_attention_backward,
    entmax_attention_forward,
)
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array, compute_dtype
from ..functional.base.arrays import Pair, shape_repr
from ..functional.fast.fast import FastSaved, fast_attention_backward, fast_attention_forward
from ..functional.tiled.blockwise import (
    BlockwiseSaved,
    blockwise_attention_backward,
    blockwise_attention_forward,
)
from .parameters import Params
from .scores import DOT, HeadScoresSaved, head_scores_backward, head_scores_forward

Intervention = Callable[[Params], Steps]
REFERENCE = "reference"
ATTENTIONS = {
    REFERENCE: Pair(attention_forward, attention_backward),
    "blockwise": Pair(blockwise_attention_forward, blockwise_attention_backward),
    "fast": Pair(partial(fast_attention_forward, keep=0), fast_attention_backward),
}
"""The functions by name. Exponentials kept for every layer would be a sixth more memory of a step."""

_BACKWARD: dict[Any, Callable[..., Any]] = {
    AttentionSaved: attention_backward,
    EntmaxAttentionSaved: entmax_attention_backward,
    BlockwiseSaved: blockwise_attention_backward,
    FastSaved: fast_attention_backward,
}


@shape_repr
class AttentionStepSaved(NamedTuple):
    """What the score, None for the dot product, and the attention saved."""

    score: HeadScoresSaved | None
    attention: Any
    """AttentionSaved, EntmaxAttentionSaved, AttendSaved, BlockwiseSaved or FastSaved"""

    @property
    def weights(self) -> Array | None:
        """The weights (B, H, L, S), None unless the attention is the reference."""
        return getattr(self.attention, "weights", None)


class AttentionStepGradients(NamedTuple):
    """In the forward's order; None for an argument that was None."""

    d_query: Any
    d_key: Any
    d_value: Any
    d_params: Params
    d_bias: Any
    d_scale: Any
    d_sinks: Any
    d_alpha: Any = None


def chosen(attention: str | None, *arrays: Array) -> str:
    """The name of the function: `attention`, or the default for the dtype of the arrays."""
    if attention is not None:
        return attention
    return "fast" if compute_dtype(*arrays) == np.float32 else REFERENCE


def steps_of(attention: str | Intervention | None, params: Params) -> Steps:
    """The steps of an intervention in the layer with these parameters; the usual ones without."""
    return attention(params) if callable(attention) else STEPS


def attention_step_forward(
    attention: str | Steps | None,
    score: str,
    params: Params,
    query: Array,
    key: Array,
    value: Array,
    scale: Any,
    alpha: Array | None = None,
    **options: Any,
) -> tuple[Array, AttentionStepSaved]:
    """out (B, H, L, D); params are the score's, options those of `attend`, scale that of the dot product.

    attention: a name, None, or the steps of the reference. alpha: that of entmax, None for softmax.
    """
    if isinstance(attention, Steps):
        options["steps"] = attention
        attention = REFERENCE
    if alpha is not None:
        out, entmax = entmax_attention_forward(query, key, value, scale=scale, alpha=alpha, **options)
        return out, AttentionStepSaved(None, entmax)
    if score == DOT:
        forward = ATTENTIONS[chosen(attention, query, key, value)].forward
        out, saved = forward(query, key, value, scale=scale, **options)
        return out, AttentionStepSaved(None, saved)
    scores, saved_score = head_scores_forward(score, params, query, key)
    out, saved = attend_forward(scores, value, **options)
    return out, AttentionStepSaved(saved_score, saved)


def attention_step_backward(
    d_out: Array, saved: AttentionStepSaved, d_weights: Array | None = None
) -> AttentionStepGradients:
    """The gradients; d_weights is the cotangent of the weights, of the reference alone."""
    more = {} if d_weights is None else {"d_weights": d_weights}
    if saved.score is None:
        d_query, d_key, d_value, *d_options = _BACKWARD[type(saved.attention)](d_out, saved.attention, **more)
        return AttentionStepGradients(d_query, d_key, d_value, {}, *d_options)
    d_scores, d_value, d_bias, d_sinks = attend_backward(d_out, saved.attention, **more)
    d_query, d_key, d_params = head_scores_backward(d_scores, saved.score)
    return AttentionStepGradients(d_query, d_key, d_value, d_params, d_bias, None, d_sinks)
