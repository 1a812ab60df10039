"""Multi-head attention as a layer: project, attend in every head, join, project back.

    q, k, v = query @ W_qᵀ + b_q, key @ W_kᵀ + b_k, value @ W_vᵀ + b_v    in_proj_weight = [W_q; W_k; W_v]
    joined  = [attention(q_1, k_1, v_1); …; attention(q_H, k_H, v_H)]     width / heads columns for each head
    out     = joined @ W_outᵀ + b_out

Self-attention projects once, by all of in_proj_weight; other inputs are projected by their own rows of it.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.attention import AttentionSaved, attention_backward, attention_forward
from ..functional.base.admission import Array, admit, shown
from ..functional.base.arrays import check_equal, common_batch, shape_repr, whole_number
from ..functional.layers.linear import LinearSaved, linear_backward, linear_forward
from ..functional.masks.mask import Mask
from .parameters import Params, Shapes, check_params, check_saved, explained_layer, init_params


@shape_repr
class MultiHeadAttentionSaved(NamedTuple):
    """One entry per step of the forward, in its order."""

    in_proj: tuple[LinearSaved, ...]
    """One entry per input: (query,) for self-attention, (query, key), or (query, key, value)"""
    attention: AttentionSaved
    out_proj: LinearSaved

    @property
    def weights(self) -> Array:
        """The attention weights (B, H, L, S)."""
        weights: Array = self.attention.weights
        return weights


class InputGradients(NamedTuple):
    """d_key, d_value: None if not passed; the gradient is then part of d_query (or d_key)."""

    d_query: Array
    d_key: Array | None
    d_value: Array | None


@explained_layer
@dataclass(frozen=True)
class MultiHeadAttention:
    """Multi-head attention: concat(head_1, …, head_H) W_outᵀ + b_out, head_h = attention(q_h, k_h, v_h).

    Parameters
    ----------
    width : columns of query, key, value and out
    heads : number of heads H; each attends in width / heads columns of its own
    bias : True for biases in both projections

    The parameters are named as PyTorch's nn.MultiheadAttention names them:

        in_proj_weight (3 * width, width), in_proj_bias (3 * width,)    rows for query, then key, then value
        out_proj.weight (width, width), out_proj.bias (width,)

    Raises
    ------
    TypeError, ValueError
        If width or heads is not a positive whole number, or heads does not divide width.

    Examples
    --------
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
    Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2.
    """

    width: int
    heads: int
    _: KW_ONLY
    bias: bool = True

    def __post_init__(self) -> None:
        for name, number in (("width", self.width), ("heads", self.heads)):
            whole_number(name, number, 1)
        if not isinstance(self.bias, bool):
            raise TypeError(f"bias is {shown(self.bias)}; True or False is expected")
        if self.width % self.heads:
            raise ValueError(f"heads is {self.heads}; a number that divides width, {self.width}, is expected")

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        C = self.width
        if not self.bias:
            return {"in_proj_weight": (3 * C, C), "out_proj": {"weight": (C, C)}}
        return {
            "in_proj_weight": (3 * C, C),
            "in_proj_bias": (3 * C,),
            "out_proj": {"weight": (C, C), "bias": (C,)},
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters: weights by `glorot`, biases 0."""
        return init_params(rng, self.shapes())

    def forward(
        self,
        params: Params,
        query: npt.ArrayLike,
        key: npt.ArrayLike | None = None,
        value: npt.ArrayLike | None = None,
        *,
        mask: Mask | None = None,
        scale: npt.ArrayLike | None = None,
    ) -> tuple[Any, MultiHeadAttentionSaved]:
        """The output (B, L, width), and what `backward` needs.

        Parameters
        ----------
        params : as `init` returns them
        query : (B, L, width)
        key : (B, S, width); None for self-attention, where query is key and value too
        value : (B, S, width); None where key is value too
        mask : broadcasts to (B, H, L, S), e.g. causal or padding; `backward` needs hidden inputs to be finite
        scale : a factor of the scores that broadcasts to (B, H, L, S); 1 / sqrt(width / heads) if None

        Raises
        ------
        TypeError, ValueError
            If a parameter is missing, unknown or has another shape, or an input, mask or scale does not fit.
        """
        check_params(params, self.shapes())
        inputs = self._admit_inputs(query, key, value)
        if scale is None:
            scale = 1 / np.sqrt(self.width / self.heads)
        projected, saved_in = self._project(params, inputs)
        q, k, v = (self._split_heads(x) for x in projected)  # (B, H, L or S, width / H)
        context, saved_attention = attention_forward(q, k, v, scale=scale, mask=mask)
        out, saved_out = linear_forward(join_heads(context), **params["out_proj"])
        return out, MultiHeadAttentionSaved(saved_in, saved_attention, saved_out)

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
        # out = linear(joined, **params["out_proj"])
        d_joined, *d_out_proj = linear_backward(d_out, saved.out_proj)
        # context = attention(q, k, v, scale)
        d_context = self._split_heads(d_joined)
        d_q, d_k, d_v, _, d_scale, _ = attention_backward(d_context, saved.attention)
        # q, k, v = linear(inputs, in_proj_weight, in_proj_bias)
        d_inputs, d_in_proj = self._project_backward((d_q, d_k, d_v), saved.in_proj)
        d_params = _by_name(d_in_proj, "in_proj_weight", "in_proj_bias")
        d_params["out_proj"] = _by_name(d_out_proj, "weight", "bias")
        return d_inputs, d_params, d_scale

    def _project(self, params: Params, inputs: list[Array]) -> tuple[list[Array], tuple[LinearSaved, ...]]:
        """q, k and v, (B, L or S, width) each: one product for every array that was passed."""
        weight, bias = params["in_proj_weight"], params.get("in_proj_bias")
        projected: list[Array] = []
        saved: list[LinearSaved] = []
        for x, rows in zip(inputs, self._rows(len(inputs)), strict=True):
            out, saved_x = linear_forward(x, weight[rows], None if bias is None else bias[rows])
            projected += np.split(out, (rows.stop - rows.start) // self.width, axis=-1)
            saved.append(saved_x)
        return projected, tuple(saved)

    def _project_backward(
        self, d_heads: tuple[Array, Array, Array], saved: tuple[LinearSaved, ...]
    ) -> tuple[InputGradients, list[Any]]:
        """Gradients of the inputs, and [d_weight, d_bias] of the whole in-projection."""
        d_projected = [join_heads(d) for d in d_heads]
        d_inputs: list[Array | None] = []
        d_weights, d_biases = [], []
        for saved_x, rows in zip(saved, self._rows(len(saved)), strict=True):
            own = d_projected[rows.start // self.width : rows.stop // self.width]
            d_x, d_weight, d_bias = linear_backward(np.concatenate(own, axis=-1), saved_x)
            d_inputs.append(d_x)
            d_weights.append(d_weight)
            d_biases.append(d_bias)
        d_inputs += [None] * (3 - len(d_inputs))
        d_in_proj = [np.concatenate(d_weights), np.concatenate(d_biases) if self.bias else None]
        return InputGradients(*d_inputs), d_in_proj  # type: ignore[arg-type]

    def _rows(self, inputs: int) -> list[slice]:
        """The rows of in_proj_weight for each input; the last input has all that are left."""
        C = self.width
        return [slice(i * C, (i + 1) * C if i < inputs - 1 else 3 * C) for i in range(inputs)]

    def _admit_inputs(
        self, query: npt.ArrayLike, key: npt.ArrayLike | None, value: npt.ArrayLike | None
    ) -> list[Array]:
        if key is None and value is not None:
            raise TypeError(f"value is {type(value).__name__} and key is None; a key is expected with it")
        inputs = {"query": query, "key": key, "value": value}
        arrays = {name: admit(name, x, 2) for name, x in inputs.items() if x is not None}
        for name, x in arrays.items():
            if x.shape[-1] != self.width:
                raise ValueError(f"{name} has shape {x.shape}; (B, length, {self.width}) is expected")
        common_batch(**{name: x.shape[:-2] for name, x in arrays.items()})
        if len(arrays) == 3:
            lengths = arrays["key"].shape[-2], arrays["value"].shape[-2]
            check_equal("the length of key", lengths[0], "the length of value", lengths[1])
        return list(arrays.values())

    def _split_heads(self, joined: Array) -> Array:
        """(B, L, width) -> (B, H, L, width / H)"""
        *batch, length, width = joined.shape
        return joined.reshape(*batch, length, self.heads, width // self.heads).swapaxes(-2, -3)


def _by_name(gradients: Sequence[Any], *names: str) -> Params:
    """The gradients by name, without those of absent parameters."""
    return {name: d for name, d in zip(names, gradients, strict=True) if d is not None}


def join_heads(heads: Array) -> Array:
    """(B, H, L, width / H) -> (B, L, width)"""
    *batch, count, length, columns = heads.shape
    return heads.swapaxes(-2, -3).reshape(*batch, length, count * columns)
