"""Transformer-XL's relative positions: the query meets the key and, apart from it, the distance.

    scores_hls = scale * ((query_l + content_h) · key_s + (query_l + position_h) · W_h waves(p_l - p_s))

The first product without content_h is the attention's own; the rest is a bias.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import accurate_sum, gradient_like, shape_repr, transposed, unbroadcast, upcast
from ...functional.layers.positions import sinusoidal
from ..heads import split_heads
from ..layer import admit_sizes, layer
from ..parameters import Params, Shapes
from .attention_positions import AttentionPositions, Places, PositionGradients, beside_heads, gather, scatter


@shape_repr
class TransformerXLSaved(NamedTuple):
    """Query, key and parameters; the waves of every distance, (N, width), and their keys (H, N, D); the row
    of each pair's distance; the scale."""

    query: Array
    key: Array
    params: Params
    waves: Array
    wave_keys: Array
    rows: Array
    scale: float


@layer
@dataclass(frozen=True)
class TransformerXL(AttentionPositions):
    """Relative waves and learned biases: MultiHeadAttention(…, positions=TransformerXL(…)).

    Parameters
    ----------
    heads, head_width : those of the attention
    width : number of waves, an even number

    Parameters of the layer: content, position (heads, head_width), initially 0, and weight
    (heads * head_width, width).

    References
    ----------
    Dai et al. 2019, section 3.3: content is u, position is v, weight is W_{k,R}.
    """

    heads: int
    head_width: int
    width: int

    scaled = True

    def __post_init__(self) -> None:
        admit_sizes(heads=self.heads, head_width=self.head_width, width=self.width)
        sinusoidal(0, self.width)

    def own_shapes(self) -> Shapes:
        heads = (self.heads, self.head_width)
        return {"content": heads, "position": heads, "weight": (self.heads * self.head_width, self.width)}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return super().initial(rng, name, shape) if name == "weight" else np.zeros(shape)

    def fit(self, heads: int, columns: int) -> None:
        if (heads, columns) != (self.heads, self.head_width):
            came = f"{self.heads} heads of width {self.head_width}"
            raise ValueError(f"positions are for {came}; {heads} heads of width {columns} are expected")

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        rows, keys, content, position, weight = upcast(
            query, key, *(params[name] for name in self.own_shapes())
        )
        apart = -places.distances().astype(np.int64)
        first, last = int(apart.min(initial=0)), int(apart.max(initial=0))
        index = beside_heads(apart - first)
        waves = sinusoidal(np.arange(first, last + 1), self.width).astype(rows.real.dtype)
        wave_keys = split_heads(waves @ weight.T, self.heads)  # (H, N, D)
        by_distance = (rows + position[:, None]) @ transposed(wave_keys)  # (B, H, L, N)
        by_content = self._grouped(content, key) @ transposed(keys)  # (B, G, H / G, S)
        by_content = by_content.reshape(*by_content.shape[:-3], self.heads, 1, by_content.shape[-1])
        bias = scale * (by_content + gather(by_distance, index))
        return bias, TransformerXLSaved(query, key, params, waves, wave_keys, index, scale)

    def bias_backward(self, d_bias: Any, saved: TransformerXLSaved) -> PositionGradients:
        query, key, params, waves, wave_keys, index, scale = saved
        d_bias = scale * d_bias
        # by_distance = (query + position) @ wave_keysᵀ
        d_by_distance = scatter(d_bias, index, len(waves))
        d_query = d_by_distance @ wave_keys
        d_wave_keys = transposed(d_by_distance) @ (query + params["position"][:, None])
        # wave_keys = split(waves @ weightᵀ)
        d_joined = unbroadcast(d_wave_keys, wave_keys.shape).swapaxes(0, 1)
        d_weight = d_joined.reshape(len(waves), -1).T @ waves
        # by_content = content @ keyᵀ
        G, S = key.shape[-3:-1]
        d_by_content = d_bias.sum(axis=-2).reshape(*d_bias.shape[:-3], G, self.heads // G, S)
        content = self._grouped(params["content"], key)
        d_content = unbroadcast(d_by_content @ key, content.shape).reshape(params["content"].shape)
        d_position = unbroadcast(accurate_sum(d_query, axis=-2), params["position"].shape)
        d_params = {"content": d_content, "position": d_position, "weight": d_weight}
        return PositionGradients(
            gradient_like(d_query, query),
            gradient_like(transposed(d_by_content) @ content, key),
            {name: gradient_like(d, params[name]) for name, d in d_params.items()},
        )

    def _grouped(self, content: Array, key: Array) -> Array:
        """content (G, H / G, D): the query heads that share a key head."""
        groups = key.shape[-3]
        return content.reshape(groups, self.heads // groups, self.head_width)
