"""Multi-head attention as a layer: project, attend in every head, join, project back.

    q, k, v = query @ W_qᵀ + b_q, key @ W_kᵀ + b_k, value @ W_vᵀ + b_v    in_proj_weight = [W_q; W_k; W_v]
    joined  = [attention(q_1, k_1, v_1); …; attention(q_H, k_H, v_H)]     head_width columns for each head
    out     = joined @ W_outᵀ + b_out

Options add steps between these: query and key norm, positions, a cache, extra keys, an output gate.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.attention.attention import sum_of
from ..functional.attention.dropout import dropout
from ..functional.attention.steps import Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import common_batch, shape_repr
from ..functional.layers.linear import LinearSaved
from ..functional.masks.mask import Mask, check_mask
from .adaptive import AdaptedSaved, adapt_backward, adapt_forward
from .attention_sizes import AttentionSizes
from .attention_step import (
    AttentionStepGradients,
    AttentionStepSaved,
    attention_step_backward,
    attention_step_forward,
)
from .extra_keys import (
    bias_beside,
    bias_of_sequence,
    extra_keys_backward,
    extra_keys_forward,
    mask_beside,
)
from .gate import gate_backward, gate_forward
from .heads import InputProjection, join_heads, project_backward, project_forward, projections, split_heads
from .kv_cache import MemoryCache
from .layer import layer
from .parameters import Params, check_saved, summed
from .positions.attention_positions import Places
from .positions.inside import (
    bias_backward,
    bias_of,
    places_of,
    rotate_heads,
    rotate_heads_backward,
    values_backward,
    values_of,
)


@shape_repr
class MultiHeadAttentionSaved(NamedTuple):
    """One entry per step of the forward, in its order; None for a step that the layer does not have."""

    in_proj: tuple[LinearSaved, ...]
    """One entry per product: for self-attention one, for (query, key) two, for three inputs three"""
    inputs: int
    norms: Any
    rotation: Any
    cached: bool
    bias: Any
    extra: Any
    adapted: AdaptedSaved
    attention: AttentionStepSaved
    values: Any
    gate: Any
    out_proj: LinearSaved

    @property
    def weights(self) -> Array | None:
        """The attention weights (B, H, L, S), extra keys last; None unless attention is "reference"."""
        return self.attention.weights


class InputGradients(NamedTuple):
    """d_key, d_value: None if not passed; the gradient is then part of d_query (or d_key)."""

    d_query: Any
    d_key: Any
    d_value: Any


@layer
@dataclass(frozen=True)
class MultiHeadAttention(AttentionSizes):
    """Multi-head attention: concat(head_1, …, head_H) W_outᵀ + b_out, head_h = attention(q_h, k_h, v_h).

    Parameters
    ----------
    width : columns of query and out
    heads : number of query heads H
    kv_heads : number of key and value heads G, a divisor of H; H if None
    key_width, value_width : columns of key and of value; width if None
    head_width : columns of a head; width / heads if None
    bias : True for biases in the projections; out_bias : those of the last one, as bias if None
    add_bias_kv, add_zero_attn : one more key and value, learned; and one of zeros (as in PyTorch)
    query_key_norm : "rms" or "layer": normalise every query and key head; eps : that of the norm
    gate : multiply joined by σ(query @ W_gateᵀ + b_gate)
    sinks : learned scores (H,) of one more key without a value
    softcap, scale : as in `na.attention`; scale is 1 / √head_width if None
    dropout : the probability that a weight is dropped in training
    positions : nn.Rotary(), nn.ALiBi(heads), nn.T5Buckets(heads), nn.Shaw(…), nn.TransformerXL(…),
        nn.AdaptiveSpan(heads, context, ramp), several by nn.Joined(…), or None
    score : "dot", or "general", "additive", "concat", "cosine", "location", with parameters for each head
    attention : "reference", "blockwise" or "fast"; None: fast for float32 and float16, else reference; or an
        intervention, such as nn.Watch
    normaliser : "softmax", or "entmax", whose α each head learns, with the score "dot" and the reference
    temperature : "fixed", or "learned": each head divides its scores by a number of its own

    Parameters of the layer, as in PyTorch's nn.MultiheadAttention:

        in_proj_weight ((H + 2 G) * head_width, width)    rows for query, key, value; or, for other widths,
        q_proj_weight, k_proj_weight, v_proj_weight       of key or value, one for each
        in_proj_bias, bias_k, bias_v, out_proj.weight, out_proj.bias
        q_norm.weight, k_norm.weight, gate.weight, sinks, log_temperature, alpha_logit, score.…, positions.…

    Raises
    ------
    TypeError, ValueError
        For sizes that are no whole numbers >= 1 or do not divide each other, and unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MultiHeadAttention(width=6, heads=2)
    >>> params = layer.init(np.random.default_rng(0))
    >>> x, memory = np.ones((5, 3, 6)), np.ones((5, 7, 6))
    >>> out, saved = layer.forward(params, x, memory)
    >>> out.shape, saved.weights.shape
    ((5, 3, 6), (5, 2, 3, 7))
    >>> (d_x, d_memory, d_value), d_params = layer.backward(np.ones_like(out), saved)
    >>> d_memory.shape, d_value, d_params["in_proj_weight"].shape
    ((5, 7, 6), None, (18, 6))

    References
    ----------
    Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2. Grouped heads: Ainslie et al. 2023. Query
    and key norm: Henry et al. 2020. Output gate: Qiu et al. 2025.
    """

    def forward(
        self,
        params: Params,
        query: npt.ArrayLike,
        key: npt.ArrayLike | None = None,
        value: npt.ArrayLike | None = None,
        *,
        mask: Mask | None = None,
        scale: npt.ArrayLike | None = None,
        seed: int | None = None,
        query_positions: npt.ArrayLike | None = None,
        key_positions: npt.ArrayLike | None = None,
        cache: Any = None,
    ) -> tuple[Any, MultiHeadAttentionSaved]:
        """The output (B, L, width), and what `backward` needs.

        Parameters
        ----------
        params : as `init` returns them
        query : (B, L, width)
        key : (B, S, key_width); None for self-attention, where query is key and value too
        value : (B, S, value_width); None where key is value too
        mask : broadcasts to (B, H, L, S), e.g. causal, window, padding; `backward` needs hidden inputs to be
            finite
        scale : a factor of the scores that broadcasts to (B, H, L, S), in place of the layer's
        seed : a whole number, another for each step of training; None for no dropout
        query_positions, key_positions : (L,) or (B, L), and (S,) or (B, S), for the layer's positions; 0, 1,
            2, … if None, and in self-attention those of the queries for the keys
        cache : a KV cache. cache.upcoming(L) are the positions of the next L tokens, and cache.append(k, v),
            heads (B, G, S, head_width) each, returns all keys and values so far, these last, and the keys'
            positions. `backward` does not take what was saved with one

        Raises
        ------
        TypeError, ValueError
            If a parameter is missing, unknown or has another shape, or an input, mask or scale does not fit.
        """
        self.check(params)
        inputs = self.admit_inputs(query, key, value)
        scale = self.admit_scale(scale)
        kept, cached = cache if isinstance(cache, MemoryCache) else None, cache is not None
        cache = None if kept is not None else cache
        if cache is None and mask is not None:
            batch = common_batch(query=inputs[0].shape[:-2], key=inputs[-1].shape[:-2])
            check_mask(mask, (*batch, self.heads, inputs[0].shape[-2], inputs[-1].shape[-2]))
        q, k, v, in_proj = self._project(params, inputs, kept)
        if cache is not None and query_positions is None and self.positions is not None:
            query_positions = cache.upcoming(q.shape[-2])
        places = places_of(query_positions, key_positions, q.shape[-2], k.shape[-2], key is None)
        q, k, norms = self._normalise(params, q, k)
        q, k, rotation = rotate_heads(self.positions, q, k, places)
        k, v, places = self._remember(cache, k, v, places)
        bias, bias_saved = bias_of(self.positions, params, q, k, places, scale)
        shape = (*common_batch(query=q.shape[:-3], key=k.shape[:-3]), *q.shape[-3:-1], k.shape[-2])
        k, v, extra = self._extend(params, k, v)
        scale, alpha, adapted = adapt_forward(params, scale, q.shape[-1])
        context, attention = attention_step_forward(
            self._attention(params), self.score, params.get("score", {}), q, k, v, scale, alpha,
            mask=mask_beside(mask, shape, k.shape[-2] - shape[-1]),
            bias=bias_beside(bias, shape, k.shape[-2] - shape[-1]),
            softcap=self.softcap,
            sinks=params.get("sinks"),
            dropout=dropout(seed, self.dropout) if seed is not None and self.dropout else None,
        )  # fmt: skip
        context, values = values_of(self.positions, params, context, attention, places)
        gated, gate = self._open(params, inputs[0], join_heads(context))
        out, out_proj = self.out_proj.forward(params["out_proj"], gated)
        return out, MultiHeadAttentionSaved(
            in_proj, len(inputs), norms, rotation, cached, bias_saved, extra, adapted, attention, values,
            gate, out_proj,
        )  # fmt: skip

    def backward(self, d_out: npt.ArrayLike, saved: MultiHeadAttentionSaved) -> tuple[InputGradients, Params]:
        """(d_query, d_key, d_value) and d_params, nested like params: the forward's steps in reverse.

        d_key and d_value are None for an input that was not passed. Where `scale` needs its gradient too, use
        `backward_with_scale`.
        """
        d_inputs, d_params, _ = self.backward_with_scale(d_out, saved)
        return d_inputs, d_params

    def backward_with_scale(
        self, d_out: npt.ArrayLike, saved: MultiHeadAttentionSaved
    ) -> tuple[InputGradients, Params, Any]:
        """As `backward`, with the gradient of `scale`, in its shape, as a third result."""
        check_saved(saved, MultiHeadAttentionSaved)
        if saved.cached:
            came = type(saved).__name__
            raise TypeError(f"saved is {came} of a forward with a cache; one without a cache is expected")
        # out = out_proj(gate(join(context)))
        d_gated, d_out_proj = self.out_proj.backward(d_out, saved.out_proj)
        d_query_gate, d_joined, d_gate = self._open_backward(d_gated, saved.gate)
        d_context = split_heads(d_joined, self.heads)
        # context = attention(q, k, v) + values(weights)
        d_weights, d_values = values_backward(self.positions, d_context, saved.values, saved.attention)
        d = attention_step_backward(d_context, saved.attention, d_weights)
        # scale, alpha = adapt(scale)
        d_scale, d_adapted = adapt_backward(d.d_scale, d.d_alpha, saved.adapted)
        # k, v = [k; extra], [v; extra]
        d_k, d_v, d_bias, d_extra = self._extend_backward(d, saved.extra)
        # bias = bias(q, k)
        d_of_bias = bias_backward(self.positions, d_bias, saved.bias)
        d_q, d_k = sum_of(d_of_bias.d_query, d.d_query), sum_of(d_of_bias.d_key, d_k)
        # q, k = rotate(norm(q)), rotate(norm(k))
        d_q, d_k = rotate_heads_backward(self.positions, d_q, d_k, saved.rotation)
        d_q, d_k, d_norms = self._normalise_backward(d_q, d_k, saved.norms)
        # q, k, v = split(inputs @ weightᵀ + bias)
        d_inputs, d_in_proj = project_backward((d_q, d_k, d_v), saved.in_proj, self._plan(saved.inputs))
        d_inputs[0] = sum_of(d_query_gate, d_inputs[0])
        d_positions = summed(d_of_bias.d_params, d_values)
        d_params = {
            **d_in_proj, **d_extra,
            **({} if d.d_sinks is None else {"sinks": d.d_sinks}),
            **d_adapted,
            **({"score": d.d_params} if d.d_params else {}),
            **d_norms, **d_gate,
            **({"positions": d_positions} if d_positions else {}),
            "out_proj": d_out_proj,
        }  # fmt: skip
        return InputGradients(*d_inputs), d_params, d_scale

    # ---------------------------------------------------------------------------- steps that are options

    def _attention(self, params: Params) -> str | Steps | None:
        """The name of the attention; or the steps of an intervention."""
        return self.attention(params) if callable(self.attention) else self.attention

    def _project(self, params: Params, inputs: list[Array], kept: MemoryCache | None) -> tuple[Any, ...]:
        """q, k and v (B, H or G, L or S, D), the last two from `kept` where it holds them; what was saved."""
        plan, held = self._plan(len(inputs)), None if kept is None else kept.heads(inputs[-1])
        projected, in_proj = project_forward(params, inputs, plan if held is None else plan[:1])
        heads = [split_heads(x, n) for x, n in zip(projected, self.head_counts, strict=False)]
        if held is not None:
            return heads[0], *held, in_proj
        if kept is not None:
            kept.keep(inputs[-1], heads[1], heads[2])
        return *heads, in_proj

    def _normalise(self, params: Params, q: Array, k: Array) -> tuple[Array, Array, Any]:
        """q and k (B, H or G, L or S, D), every row normalised."""
        if self.query_key_norm is None:
            return q, k, None
        q, saved_q = self.norm.forward(params["q_norm"], q)
        k, saved_k = self.norm.forward(params["k_norm"], k)
        return q, k, (saved_q, saved_k)

    def _normalise_backward(self, d_q: Array, d_k: Array, saved: Any) -> tuple[Array, Array, Params]:
        if saved is None:
            return d_q, d_k, {}
        d_q, d_q_norm = self.norm.backward(d_q, saved[0])
        d_k, d_k_norm = self.norm.backward(d_k, saved[1])
        return d_q, d_k, {"q_norm": d_q_norm, "k_norm": d_k_norm}

    def _extend(self, params: Params, k: Array, v: Array) -> tuple[Array, Array, Any]:
        """Keys and values with those that every query sees."""
        if not self.add_bias_kv and not self.add_zero_attn:
            return k, v, None
        return extra_keys_forward(params, k, v, self.add_zero_attn)

    def _extend_backward(self, d: AttentionStepGradients, saved: Any) -> tuple[Array, Array, Any, Params]:
        """d_k, d_v and d_bias of the keys of the sequence, and the gradients of the learned ones."""
        if saved is None:
            return d.d_key, d.d_value, d.d_bias, {}
        d_k, d_v, d_extra = extra_keys_backward(d.d_key, d.d_value, saved)
        return d_k, d_v, bias_of_sequence(d.d_bias, saved), d_extra

    def _remember(self, cache: Any, k: Array, v: Array, places: Places) -> tuple[Array, Array, Places]:
        """All keys and values that the cache holds, these last, and where they stand."""
        if cache is None:
            return k, v, places
        k, v, key_positions = cache.append(k, v)
        return k, v, Places(places.query, key_positions)

    def _open(self, params: Params, query: Array, joined: Array) -> tuple[Array, Any]:
        """joined through the output gate."""
        return gate_forward(self.gate_proj, params["gate"], query, joined) if self.gate else (joined, None)

    def _open_backward(self, d_gated: Array, saved: Any) -> tuple[Any, Array, Params]:
        if saved is None:
            return None, d_gated, {}
        d_query, d_joined, d_gate = gate_backward(self.gate_proj, d_gated, saved)
        return d_query, d_joined, {"gate": d_gate}

    def _plan(self, inputs: int) -> list[InputProjection]:
        return projections(inputs, self.widths, len(set(self.input_widths)) > 1)
