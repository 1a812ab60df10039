"""Adaptive span: each head learns how far it reaches, and what is out of reach is hidden.

span_h  = context * σ(span_logit_h)                          half the context at first
bias_hls = log clip((ramp + span_h - distance_ls) / ramp, 0, 1)
penalty = weight * mean of span / context over all heads     added to the loss, so that spans stay short
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...functional.attention.span import SpanSaved, span_bias_backward, span_bias_forward
from ...functional.base.admission import Array
from ...functional.base.arrays import shape_repr
from ...functional.layers.activations import SigmoidSaved, sigmoid_backward, sigmoid_forward
from ...optim.trees import flatten, unflatten
from ..layer import admit_sizes, layer
from ..parameters import Params, Shapes
from .attention_positions import AttentionPositions, Places, PositionGradients, beside_heads

SPAN = "span_logit"
"""The parameter's name."""


@shape_repr
class AdaptiveSpanSaved(NamedTuple):
    """What the share of the context and the bias saved."""

    share: SigmoidSaved
    bias: SpanSaved


@layer
@dataclass(frozen=True)
class AdaptiveSpan(AttentionPositions):
    """A soft window of learned width: MultiHeadAttention(…, positions=AdaptiveSpan(heads, context, ramp)).

    Parameters
    ----------
    heads : number of heads of the attention
    context : the longest span
    ramp : over how many positions the window falls from 1 to 0
    columns : of tokens that are the places of an image, row by row: how many stand in a row. The distance
        is then the larger of those in rows and in columns

    Parameter of the layer: span_logit (heads,), 0 at first, which is half the context.

    References
    ----------
    Sukhbaatar, Grave, Bojanowski, Joulin 2019, "Adaptive Attention Span in Transformers", section 2.2.
    """

    heads: int
    context: int
    ramp: int
    columns: int | None = None

    def __post_init__(self) -> None:
        admit_sizes(heads=self.heads, context=self.context, ramp=self.ramp)
        if self.columns is not None:
            admit_sizes(columns=self.columns)

    def own_shapes(self) -> Shapes:
        return {SPAN: (self.heads,)}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)

    def fit(self, heads: int, columns: int) -> None:
        if heads != self.heads:
            raise ValueError(f"span is for {self.heads} heads; {heads}, as the attention has, are expected")

    def distances(self, places: Places) -> Array:
        """How far apart query and key are, (..., L, S)."""
        if self.columns is None:
            return np.abs(places.distances())
        down, across = (Places(*(f(x, self.columns) for x in places)) for f in (np.floor_divide, np.mod))
        return np.maximum(np.abs(down.distances()), np.abs(across.distances()))

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        share, saved = sigmoid_forward(params[SPAN])
        spans = self.context * share[:, None, None]
        bias, saved_bias = span_bias_forward(beside_heads(self.distances(places)), spans, self.ramp)
        return bias, AdaptiveSpanSaved(saved, saved_bias)

    def bias_backward(self, d_bias: Any, saved: AdaptiveSpanSaved) -> PositionGradients:
        d_span = span_bias_backward(d_bias, saved.bias)
        d_logit = sigmoid_backward(self.context * d_span[:, 0, 0], saved.share)
        return PositionGradients(None, None, {SPAN: d_logit})


def span_penalty_forward(params: Params, weight: float) -> tuple[float, dict[str, Any]]:
    """weight * mean of span / context over all heads of all attentions in nested params, and what was saved.

    Examples
    --------
    >>> span_penalty_forward({"layers": {"0": {"span_logit": np.zeros(2)}}}, 0.1)[0]
    0.05
    """
    logits = {name: x for name, x in flatten(params).items() if name.rpartition(".")[2] == SPAN}
    count = sum(x.size for x in logits.values())
    total, saved = 0.0, {}
    for name, x in logits.items():
        share, own = sigmoid_forward(x)
        total, saved[name] = total + float(share.sum(dtype=np.float64)), (weight / count, own)
    return weight * total / max(count, 1), saved


def span_penalty_backward(saved: dict[str, Any]) -> Params:
    """The gradients of the logits, nested as the params are; of these alone."""
    return unflatten({
        name: sigmoid_backward(np.full(share.x.shape, each, share.x.dtype), share)
        for name, (each, share) in saved.items()
    })  # fmt: skip
