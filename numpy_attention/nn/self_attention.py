"""The self-attention classifier: tokens look at each other once, and then are pooled.

    embedded = x @ Wᵀ + b + positions                    (B, T, input_dim) -> (B, T, C)
    normed   = layer_norm(embedded)
    q, k, v  = normed @ W_qᵀ + b_q, …                    (B, H, T, C / H), one slice a head
    mixed    = embedded + [attention(q, k, v)] @ W_oᵀ + b_o
    logits   = AttentionClassifier(layer_norm(mixed))

Positions are learned, one vector for each place. The attention classifier on top pools: it scores the
tokens, and classifies their weighted sum.
"""

from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

from ..training.data import Array
from .classifier import AttentionClassifier
from .parameters import Params, Shapes, drawn
from .temperature import FIXED, LEARNED
from .token_scores import UNIFORM


class SelfAttentionSaved(NamedTuple):
    """What the backward needs: what each step saved, in the forward's order."""

    embed: Any
    norm: Any
    project: Any
    attention: Any
    scale: Any
    out: Any
    last_norm: Any
    pooled: Any

    @property
    def weights(self) -> Array:
        """The weights of the pooling (B, H, T)."""
        weights: Array = self.pooled.weights
        return weights

    @property
    def maps(self) -> dict[str, Array]:
        """Every map of weights (B, H, L, T), by the name of what it is for."""
        return {"tokens": self.attention.weights, **self.pooled.maps}


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
        """What it is called in a table."""
        return "uniform weights" if self.score == UNIFORM else f"{self.score} scores"

    def twin(self) -> "SelfAttentionClassifier":
        """The same with uniform weights in both places."""
        return self._replace(score=UNIFORM, temperature=FIXED)

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        C = self.hidden_dim
        tempers = {"log_temperature": (self.heads,)} if self.temperature == LEARNED else {}
        norm = {"weight": (C,), "bias": (C,)}
        return {
            "embed": {"weight": (C, self.input_dim), "bias": (C,), "positions": (self.tokens, C)},
            "norm": norm,
            "self_attn": {"in_proj_weight": (3 * C, C), "in_proj_bias": (3 * C,), **tempers},
            "out_proj": {"weight": (C, C), "bias": (C,)},
            "last_norm": norm,
            "pool": self._pool().shapes(),
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Parameters to start from: weights by `glorot`, biases 0, the weights of the norms 1."""
        return drawn(rng, self.shapes())

    def forward(
        self, params: Params, x: Array, lengths: Array | None = None
    ) -> tuple[Array, SelfAttentionSaved]:
        """Logits of x (B, T, input_dim), and what the backward needs; lengths as for the pooling."""
        mask = None if lengths is None else na.padding(lengths)
        embed, project = params["embed"], params["self_attn"]
        linear, saved_embed = na.linear_forward(x, embed["weight"], embed["bias"])
        embedded = linear + embed["positions"]  # (B, T, C)
        normed, saved_norm = na.layer_norm_forward(embedded, *params["norm"].values())
        joint, saved_project = na.linear_forward(normed, project["in_proj_weight"], project["in_proj_bias"])
        query, key, value = self._split(joint)  # (B, H, T, C / H)
        scale = self._scale(project)
        context, saved_attention = na.attention_forward(query, key, value, scale=scale, mask=mask)
        out, saved_out = na.linear_forward(self._joined(context), **params["out_proj"])
        mixed = embedded + out
        last, saved_last = na.layer_norm_forward(mixed, *params["last_norm"].values())
        logits, pooled = self._pool().forward(params["pool"], last, lengths)
        return logits, SelfAttentionSaved(
            saved_embed, saved_norm, saved_project, saved_attention, scale, saved_out, saved_last, pooled
        )

    def backward(self, d_logits: Array, saved: SelfAttentionSaved) -> Params:
        """The gradient of every parameter, nested as they are: the forward's lines upwards."""
        d_last, d_pool = self._pool().backward_to_input(d_logits, saved.pooled)
        d_mixed, *d_last_norm = na.layer_norm_backward(d_last, saved.last_norm)
        d_joined, *d_out_proj = na.linear_backward(d_mixed, saved.out)
        d_context = self._heads(d_joined)
        d_query, d_key, d_value, _, d_scale, _ = na.attention_backward(d_context, saved.attention)
        d_joint = np.concatenate([self._joined(d) for d in (d_query, d_key, d_value)], axis=-1)
        d_normed, *d_in_proj = na.linear_backward(d_joint, saved.project)
        d_embedded, *d_norm = na.layer_norm_backward(d_normed, saved.norm)
        d_embedded = d_embedded + d_mixed  # it was read twice
        _, *d_embed = na.linear_backward(d_embedded, saved.embed)
        d_self = dict(zip(("in_proj_weight", "in_proj_bias"), d_in_proj, strict=True))
        if self.temperature == LEARNED:  # scale = exp(-log_temperature) / √D
            d_self["log_temperature"] = -(d_scale * saved.scale)[:, 0, 0]
        return {
            "embed": dict(zip(("weight", "bias"), d_embed, strict=True))
            | {"positions": d_embedded.sum(axis=0)},
            "norm": dict(zip(("weight", "bias"), d_norm, strict=True)),
            "self_attn": d_self,
            "out_proj": dict(zip(("weight", "bias"), d_out_proj, strict=True)),
            "last_norm": dict(zip(("weight", "bias"), d_last_norm, strict=True)),
            "pool": d_pool,
        }

    def _scale(self, project: Params) -> Any:
        """1 / √D, over the temperature of each head (H, 1, 1) where it is learned; 0 for uniform weights."""
        default = 1 / np.sqrt(self.hidden_dim / self.heads)
        if self.score == UNIFORM:
            return 0.0
        if self.temperature == LEARNED:
            return default * np.exp(-project["log_temperature"])[:, None, None]
        return default

    def _pool(self) -> AttentionClassifier:
        C = self.hidden_dim
        return AttentionClassifier(C, C, self.heads, self.score, self.outputs, self.temperature)

    def _split(self, joint: Array) -> tuple[Array, Array, Array]:
        """(B, T, 3 * C) -> queries, keys and values, (B, H, T, C / H) each."""
        query, key, value = np.split(joint, 3, axis=-1)
        return self._heads(query), self._heads(key), self._heads(value)

    def _heads(self, joined: Array) -> Array:
        """(B, T, C) -> (B, H, T, C / H)"""
        batch, tokens, _ = joined.shape
        return joined.reshape(batch, tokens, self.heads, -1).swapaxes(1, 2)

    def _joined(self, heads: Array) -> Array:
        """(B, H, T, C / H) -> (B, T, C)"""
        batch, _, tokens, _ = heads.shape
        return heads.swapaxes(1, 2).reshape(batch, tokens, -1)
