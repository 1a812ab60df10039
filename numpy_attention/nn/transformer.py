"""The transformer: blocks of attention and feed-forward layer, each beside a residual connection.

    after (norm_first=False)   x = norm1(x + self_attn(x))          x = norm2(x + feed_forward(x))
    before (norm_first=True)   x = x + self_attn(norm1(x))          x = x + feed_forward(norm2(x))

A decoder block has a second attention between the two, whose keys and values are an encoder's output:
x = x + multihead_attn(x, memory). Each backward is its forward's lines upwards. Each dropout has a seed of
its own, numbered in the order of the lines. Parameters are named as in PyTorch's nn.TransformerEncoderLayer
and nn.TransformerDecoderLayer.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import admit
from ..functional.base.arrays import common_batch, shape_repr
from ..functional.base.memory import added
from ..functional.masks.mask import Mask
from .block import Block
from .dropout import thin_backward, thin_forward
from .layer import (
    Layer,
    admit_width,
    child_seeds,
    either,
    either_backward,
    layer,
    sum_backward,
    sum_forward,
)
from .norms import LayerNorm, RMSNorm
from .parameters import Params, check_saved


@shape_repr
class EncoderLayerSaved(NamedTuple):
    """One entry per line of the forward; None for a norm in the other place."""

    norm1_before: Any
    self_attn: Any
    dropout1: Any
    sum1: Any
    norm1_after: Any
    norm2_before: Any
    feed_forward: Any
    dropout2: Any
    sum2: Any
    norm2_after: Any


@layer
@dataclass(frozen=True)
class TransformerEncoderLayer(Block):
    """Self-attention, then a feed-forward layer, each beside a residual connection and with a norm.

    With mask=na.causal() it is a block of GPT.

    Parameters
    ----------
    width, heads, hidden : columns of x; heads of the attention; columns inside the feed-forward layer
    activation : "relu", "gelu", "gelu_tanh", "silu", or gated "swiglu", "geglu", "geglu_tanh"
    norm_first : True for a norm before each part, False for one after each sum
    eps : that of the norms
    dropout : of attention weights, hidden numbers and both parts' outputs, in training
    norm : "layer" or "rms"
    bias : False for no biases
    kv_heads, head_width, query_key_norm, gate, sinks, softcap, scale, positions, attention, normaliser,
        temperature : as in `MultiHeadAttention`
    span : an `nn.AdaptiveSpan`, how far the tokens see each other, beside the positions; or None

    Examples
    --------
    >>> import numpy as np
    >>> import numpy_attention as na
    >>> layer = TransformerEncoderLayer(width=6, heads=2, hidden=12, norm_first=True)
    >>> params = layer.init(np.random.default_rng(0))
    >>> out, saved = layer.forward(params, np.ones((2, 5, 6)), mask=na.causal())
    >>> d_x, d_params = layer.backward(np.ones_like(out), saved)
    >>> d_x.shape, list(d_params)
    ((2, 5, 6), ['self_attn', 'linear1', 'linear2', 'norm1', 'norm2'])

    References
    ----------
    Vaswani et al. 2017, section 3.1. Norm first: Xiong et al. 2020.
    """

    def forward(
        self,
        params: Params,
        x: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        seed: int | None = None,
        positions: npt.ArrayLike | None = None,
        cache: Any = None,
    ) -> tuple[Any, EncoderLayerSaved]:
        """out, in the shape of x (B, T, width), and what `backward` needs.

        mask: broadcasts to (B, heads, T, T). seed: a whole number, another for each step; None: no dropout.
        positions: (T,) or (B, T), the tokens' places; 0, 1, 2, … if None. cache: as in `MultiHeadAttention`.
        """
        self.check(params)
        before, after = self.norm_first, not self.norm_first
        x = admit_width("x", admit("x", x, 2), self.width)
        seeds = child_seeds(seed, 4)
        normed, norm1_before = either(before, self.norm1, params["norm1"], x)
        attended, self_attn = self.self_attn.forward(
            params["self_attn"], normed, mask=mask, seed=seeds[0], query_positions=positions, cache=cache
        )
        thinned, dropout1 = thin_forward(self.dropout, attended, seeds[1])
        summed, sum1 = sum_forward(x, thinned)
        x, norm1_after = either(after, self.norm1, params["norm1"], summed)
        normed, norm2_before = either(before, self.norm2, params["norm2"], x)
        fed, feed_forward = self.feed_forward.forward(self.of_feed_forward(params), normed, seed=seeds[2])
        thinned, dropout2 = thin_forward(self.dropout, fed, seeds[3])
        summed, sum2 = sum_forward(x, thinned)
        out, norm2_after = either(after, self.norm2, params["norm2"], summed)
        return out, EncoderLayerSaved(
            norm1_before, self_attn, dropout1, sum1, norm1_after,
            norm2_before, feed_forward, dropout2, sum2, norm2_after,
        )  # fmt: skip

    def backward(self, d_out: npt.ArrayLike, saved: EncoderLayerSaved) -> tuple[Any, Params]:
        """d_x, and d_params."""
        check_saved(saved, EncoderLayerSaved)
        d_x, d_attended, d_params = self.backward_to_attention(d_out, saved)
        d_inputs, d_self_attn = self.self_attn.backward(d_attended, saved.self_attn)
        d_branch, d_norm1_before = either_backward(self.norm1, d_inputs.d_query, saved.norm1_before)
        d_params["norm1"] = d_norm1_before | d_params["norm1"]
        return added(d_x, d_branch), {"self_attn": d_self_attn, **d_params}

    def backward_to_attention(
        self, d_out: npt.ArrayLike, saved: EncoderLayerSaved
    ) -> tuple[Any, Any, Params]:
        """d_x past the attention, d_attended of its output, and d_params of all that comes after it."""
        # out = x + dropout(feed_forward(x)), with norm2 before or after
        d_summed, d_norm2_after = either_backward(self.norm2, admit("d_out", d_out), saved.norm2_after)
        d_x, d_thinned = sum_backward(d_summed, saved.sum2)
        d_fed = thin_backward(d_thinned, saved.dropout2)
        d_normed, d_feed_forward = self.feed_forward.backward(d_fed, saved.feed_forward)
        d_branch, d_norm2_before = either_backward(self.norm2, d_normed, saved.norm2_before)
        d_x = added(d_x, d_branch)
        # x = x + dropout(self_attn(x)), with norm1 before or after
        d_summed, d_norm1_after = either_backward(self.norm1, d_x, saved.norm1_after)
        d_x, d_thinned = sum_backward(d_summed, saved.sum1)
        d_attended = thin_backward(d_thinned, saved.dropout1)
        d_norms = {"norm1": d_norm1_after, "norm2": d_norm2_before | d_norm2_after}
        return d_x, d_attended, {**d_feed_forward, **d_norms}


@shape_repr
class DecoderLayerSaved(NamedTuple):
    """One entry per line of the forward; None for a norm in the other place."""

    norm1_before: Any
    self_attn: Any
    dropout1: Any
    sum1: Any
    norm1_after: Any
    norm2_before: Any
    multihead_attn: Any
    dropout2: Any
    sum2: Any
    norm2_after: Any
    norm3_before: Any
    feed_forward: Any
    dropout3: Any
    sum3: Any
    norm3_after: Any


class DecoderGradients(NamedTuple):
    """In the forward's order."""

    d_x: Any
    d_memory: Any


@layer
@dataclass(frozen=True)
class TransformerDecoderLayer(Block):
    """Self-attention, attention to an encoder's output, a feed-forward layer: each with residual and norm.

    Parameters
    ----------
    as in `TransformerEncoderLayer`

    Examples
    --------
    >>> import numpy as np
    >>> import numpy_attention as na
    >>> layer = TransformerDecoderLayer(width=6, heads=2, hidden=12)
    >>> params = layer.init(np.random.default_rng(0))
    >>> x, memory = np.ones((2, 5, 6)), np.ones((2, 7, 6))
    >>> out, saved = layer.forward(params, x, memory, mask=na.causal(), memory_mask=na.padding([7, 3]))
    >>> (d_x, d_memory), d_params = layer.backward(np.ones_like(out), saved)
    >>> d_x.shape, d_memory.shape
    ((2, 5, 6), (2, 7, 6))

    References
    ----------
    Vaswani et al. 2017, section 3.1. Norm first: Xiong et al. 2020.
    """

    @cached_property
    def norm3(self) -> LayerNorm | RMSNorm:
        """The norm of the feed-forward layer."""
        return self.norm1

    def parts(self) -> dict[str, Layer]:
        parts = super().parts()
        attentions = {"self_attn": parts.pop("self_attn"), "multihead_attn": self.multihead_attn}
        return {**attentions, **parts, "norm3": self.norm3}

    def forward(
        self,
        params: Params,
        x: npt.ArrayLike,
        memory: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        memory_mask: Mask | None = None,
        seed: int | None = None,
        positions: npt.ArrayLike | None = None,
        cache: Any = None,
    ) -> tuple[Any, DecoderLayerSaved]:
        """out, in the shape of x (B, T, width), and what `backward` needs.

        memory: (B, S, width), an encoder's output. mask: of (B, heads, T, T); memory_mask: (B, heads, T, S).
        The others as in `TransformerEncoderLayer`; the cache holds the memory's keys and values too.
        """
        self.check(params)
        before, after = self.norm_first, not self.norm_first
        x = admit_width("x", admit("x", x, 2), self.width)
        memory = admit_width("memory", admit("memory", memory, 2), self.width)
        common_batch(x=x.shape[:-2], memory=memory.shape[:-2])
        seeds = child_seeds(seed, 6)
        normed, norm1_before = either(before, self.norm1, params["norm1"], x)
        attended, self_attn = self.self_attn.forward(
            params["self_attn"], normed, mask=mask, seed=seeds[0], query_positions=positions, cache=cache
        )
        thinned, dropout1 = thin_forward(self.dropout, attended, seeds[1])
        summed, sum1 = sum_forward(x, thinned)
        x, norm1_after = either(after, self.norm1, params["norm1"], summed)
        normed, norm2_before = either(before, self.norm2, params["norm2"], x)
        attended, multihead_attn = self.multihead_attn.forward(
            params["multihead_attn"], normed, memory, mask=memory_mask, seed=seeds[2],
            cache=getattr(cache, "memory", None),
        )  # fmt: skip
        thinned, dropout2 = thin_forward(self.dropout, attended, seeds[3])
        summed, sum2 = sum_forward(x, thinned)
        x, norm2_after = either(after, self.norm2, params["norm2"], summed)
        normed, norm3_before = either(before, self.norm3, params["norm3"], x)
        fed, feed_forward = self.feed_forward.forward(self.of_feed_forward(params), normed, seed=seeds[4])
        thinned, dropout3 = thin_forward(self.dropout, fed, seeds[5])
        summed, sum3 = sum_forward(x, thinned)
        out, norm3_after = either(after, self.norm3, params["norm3"], summed)
        return out, DecoderLayerSaved(
            norm1_before, self_attn, dropout1, sum1, norm1_after,
            norm2_before, multihead_attn, dropout2, sum2, norm2_after,
            norm3_before, feed_forward, dropout3, sum3, norm3_after,
        )  # fmt: skip

    def backward(self, d_out: npt.ArrayLike, saved: DecoderLayerSaved) -> tuple[DecoderGradients, Params]:
        """(d_x, d_memory), and d_params."""
        check_saved(saved, DecoderLayerSaved)
        # out = x + dropout(feed_forward(x)), with norm3 before or after
        d_summed, d_norm3_after = either_backward(self.norm3, admit("d_out", d_out), saved.norm3_after)
        d_x, d_thinned = sum_backward(d_summed, saved.sum3)
        d_fed = thin_backward(d_thinned, saved.dropout3)
        d_normed, d_feed_forward = self.feed_forward.backward(d_fed, saved.feed_forward)
        d_branch, d_norm3_before = either_backward(self.norm3, d_normed, saved.norm3_before)
        d_x = added(d_x, d_branch)
        # x = x + dropout(multihead_attn(x, memory)), with norm2 before or after
        d_summed, d_norm2_after = either_backward(self.norm2, d_x, saved.norm2_after)
        d_x, d_thinned = sum_backward(d_summed, saved.sum2)
        d_attended = thin_backward(d_thinned, saved.dropout2)
        d_cross, d_multihead_attn = self.multihead_attn.backward(d_attended, saved.multihead_attn)
        d_branch, d_norm2_before = either_backward(self.norm2, d_cross.d_query, saved.norm2_before)
        d_x = added(d_x, d_branch)
        # x = x + dropout(self_attn(x)), with norm1 before or after
        d_summed, d_norm1_after = either_backward(self.norm1, d_x, saved.norm1_after)
        d_x, d_thinned = sum_backward(d_summed, saved.sum1)
        d_attended = thin_backward(d_thinned, saved.dropout1)
        d_inputs, d_self_attn = self.self_attn.backward(d_attended, saved.self_attn)
        d_branch, d_norm1_before = either_backward(self.norm1, d_inputs.d_query, saved.norm1_before)
        d_x = added(d_x, d_branch)
        d_attentions = {"self_attn": d_self_attn, "multihead_attn": d_multihead_attn}
        return DecoderGradients(d_x, d_cross.d_key), {
            **d_attentions, **d_feed_forward,
            "norm1": d_norm1_before | d_norm1_after,
            "norm2": d_norm2_before | d_norm2_after,
            "norm3": d_norm3_before | d_norm3_after,
        }  # fmt: skip
