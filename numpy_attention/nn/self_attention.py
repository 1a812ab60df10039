"""The self-attention classifier: tokens attend to each other once, then they are pooled.

    embedded = x @ Wᵀ + b + positions                    (B, T, input_dim) -> (B, T, C)
    normed   = layer_norm(embedded)
    mixed    = embedded + MultiHeadAttention(normed)     scores over the head's temperature, if learned
    logits   = AttentionClassifier(layer_norm(mixed))

Positions are learned, one vector for each place. The attention classifier on top pools: it scores the
tokens, and classifies their weighted sum.
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.layers.linear import linear_backward, linear_forward
from ..functional.layers.normalization import layer_norm_backward, layer_norm_forward
from ..functional.masks.builders import padding
from .classifier import AttentionClassifier
from .multi_head_attention import MultiHeadAttention
from .parameters import Params, Shapes, admit_tokens, check_params, check_saved, explained_layer, init_params
from .temperature import FIXED, LEARNED
from .token_scores import UNIFORM


class SelfAttentionSaved(NamedTuple):
    """One entry per step of the forward, in its order."""

    embed: Any
    norm: Any
    scale: Any
    """1 / √D, or (H, 1, 1) where the temperature is learned"""
    attention: Any
    last_norm: Any
    pooled: Any

    @property
    def weights(self) -> Array:
        """The weights of the pooling (B, H, T)."""
        weights: Array = self.pooled.weights
        return weights

    @property
    def maps(self) -> dict[str, Array]:
        """Every map of weights (B, H, L, T), by name."""
        return {"tokens": self.attention.weights, **self.pooled.maps}


@explained_layer
class SelfAttentionClassifier(NamedTuple):
    """Tokens in, logits out; see the equations above. `heads` divides `hidden_dim`.

    Examples
    --------
    >>> model = SelfAttentionClassifier(input_dim=3, tokens=7, hidden_dim=4, heads=2, outputs=5)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, np.ones((2, 7, 3)))
    >>> logits.shape, {name: weights.shape for name, weights in saved.maps.items()}
    ((2, 5), {'tokens': (2, 2, 7, 7), 'pooling': (2, 2, 1, 7)})
    """

    input_dim: int
    tokens: int
    hidden_dim: int = 48
    heads: int = 1
    score: str = "location"
    outputs: int = 1
    temperature: str = FIXED

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "uniform weights" if self.score == UNIFORM else f"{self.score} scores"

    @property
    def feature_layers(self) -> str:
        """The layers below the pooling, as a report names them."""
        return f"linear + positions, self-attention, {self._pool().feature_layers}"

    def with_uniform_weights(self) -> "SelfAttentionClassifier":
        """The same model with uniform weights in both places."""
        return self._replace(score=UNIFORM, temperature=FIXED)

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        C = self.hidden_dim
        log_temperature = {"log_temperature": (self.heads,)} if self.temperature == LEARNED else {}
        in_proj = self._attention().shapes()
        out_proj = in_proj.pop("out_proj")
        norm = {"weight": (C,), "bias": (C,)}
        return {
            "embed": {"weight": (C, self.input_dim), "bias": (C,), "positions": (self.tokens, C)},
            "norm": norm,
            "self_attn": {**in_proj, **log_temperature},
            "out_proj": out_proj,
            "last_norm": norm,
            "pool": self._pool().shapes(),
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters: weights by `glorot`, biases 0, the weights of the norms 1."""
        return init_params(rng, self.shapes())

    def forward(
        self, params: Params, x: Array, lengths: Array | None = None
    ) -> tuple[Array, SelfAttentionSaved]:
        """Logits of x (B, T, input_dim), and what `backward` needs; lengths as for the pooling."""
        check_params(params, self.shapes())
        x = admit_tokens(x, self.input_dim, self.tokens)
        mask = None if lengths is None else padding(lengths)
        embed = params["embed"]
        linear, saved_embed = linear_forward(x, embed["weight"], embed["bias"])
        embedded = linear + embed["positions"]  # (B, T, C)
        normed, saved_norm = layer_norm_forward(embedded, *params["norm"].values())
        scale = self._scale(params["self_attn"])
        attention, saved_attention = self._attention().forward(
            attention_params(params), normed, mask=mask, scale=scale
        )
        mixed = embedded + attention
        last, saved_last = layer_norm_forward(mixed, *params["last_norm"].values())
        logits, pooled = self._pool().forward(params["pool"], last, lengths)
        return logits, SelfAttentionSaved(saved_embed, saved_norm, scale, saved_attention, saved_last, pooled)

    def backward(
        self, d_logits: Array, saved: SelfAttentionSaved, *, needs_d_x: bool = True
    ) -> tuple[Any, Params]:
        """d_x (B, T, input_dim), and d_params, nested like params: the forward's steps in reverse.

        needs_d_x: False leaves d_x None, for an x that is data.
        """
        check_saved(saved, SelfAttentionSaved)
        # logits = pool(last); last = layer_norm(mixed)
        d_last, d_pool = self._pool().backward(d_logits, saved.pooled)
        d_mixed, *d_last_norm = layer_norm_backward(d_last, saved.last_norm)
        # mixed = embedded + attention(normed, scale)
        d_inputs, d_attention, d_scale = self._attention().backward_with_scale(d_mixed, saved.attention)
        # normed = layer_norm(embedded)
        d_embedded, *d_norm = layer_norm_backward(d_inputs.d_query, saved.norm)
        d_embedded = d_embedded + d_mixed
        # embedded = linear(x) + positions
        d_x, *d_embed = linear_backward(d_embedded, saved.embed, needs_d_x=needs_d_x)
        d_positions = {"positions": d_embedded.sum(axis=0)}
        d_out_proj = d_attention.pop("out_proj")
        if self.temperature == LEARNED:  # scale = exp(-log_temperature) / √D
            d_attention["log_temperature"] = -(d_scale * saved.scale)[:, 0, 0]
        return d_x, {
            "embed": dict(zip(("weight", "bias"), d_embed, strict=True)) | d_positions,
            "norm": dict(zip(("weight", "bias"), d_norm, strict=True)),
            "self_attn": d_attention,
            "out_proj": d_out_proj,
            "last_norm": dict(zip(("weight", "bias"), d_last_norm, strict=True)),
            "pool": d_pool,
        }

    def _scale(self, self_attn: Params) -> Any:
        """1 / √D, over the temperature of each head (H, 1, 1) where it is learned; 0 for uniform weights."""
        default = 1 / np.sqrt(self.hidden_dim / self.heads)
        if self.score == UNIFORM:
            return 0.0
        if self.temperature == LEARNED:
            return default * np.exp(-self_attn["log_temperature"])[:, None, None]
        return default

    def _attention(self) -> MultiHeadAttention:
        return MultiHeadAttention(self.hidden_dim, self.heads, attention="reference")

    def _pool(self) -> AttentionClassifier:
        C = self.hidden_dim
        return AttentionClassifier(C, C, self.heads, self.score, self.outputs, self.temperature)


def attention_params(params: Params) -> Params:
    """The parameters of the multi-head attention, which keeps `out_proj` inside."""
    in_proj = {name: array for name, array in params["self_attn"].items() if name != "log_temperature"}
    return {**in_proj, "out_proj": params["out_proj"]}
