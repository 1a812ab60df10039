"""Shaw's relative positions: a learned key and a learned value for each distance, clipped, for all heads.

scores_ls += scale * query_l · key[d]       d = clip(position_s - position_l, -distance, distance)
out_l     += Σ_s weights_ls value[d]
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import gradient_like, shape_repr, transposed, upcast
from ..layer import admit_sizes, layer
from ..parameters import Params, Shapes
from .attention_positions import AttentionPositions, Places, PositionGradients, beside_heads, gather, scatter


@shape_repr
class ShawBiasSaved(NamedTuple):
    """The query (B, H, L, D), the learned keys, the row of each pair's, and the scale."""

    query: Array
    key: Array
    rows: Array
    scale: float


@shape_repr
class ShawValuesSaved(NamedTuple):
    """Σ weights of each distance (B, H, L, 2 distance + 1), the learned values, the row of each pair's."""

    binned: Array
    value: Array
    rows: Array


@layer
@dataclass(frozen=True)
class Shaw(AttentionPositions):
    """Relative keys and values: MultiHeadAttention(…, positions=Shaw(head_width, distance)).

    Parameters
    ----------
    head_width : columns of a head
    distance : the largest distance that has a key and a value of its own

    Parameters of the layer: key, value (2 distance + 1, head_width). The values need the weights: the
    attention must be "reference".

    References
    ----------
    Shaw, Uszkoreit, Vaswani 2018, equations 3 and 4.
    """

    head_width: int
    distance: int

    needs_weights = True
    scaled = True

    def __post_init__(self) -> None:
        admit_sizes(head_width=self.head_width, distance=self.distance)

    def own_shapes(self) -> Shapes:
        rows = 2 * self.distance + 1
        return {"key": (rows, self.head_width), "value": (rows, self.head_width)}

    def fit(self, heads: int, columns: int) -> None:
        if columns != self.head_width:
            raise ValueError(f"positions are for head_width {self.head_width}; {columns} is expected")

    def _index(self, places: Places) -> Array:
        clipped = np.clip(places.distances(), -self.distance, self.distance) + self.distance
        return beside_heads(clipped.astype(np.int64))

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        index = self._index(places)
        rows, keys = upcast(query, params["key"])
        by_distance = scale * rows @ transposed(keys)  # (B, H, L, 2 distance + 1)
        return gather(by_distance, index), ShawBiasSaved(query, params["key"], index, scale)

    def bias_backward(self, d_bias: Any, saved: ShawBiasSaved) -> PositionGradients:
        query, key, index, scale = saved
        d_by_distance = scale * scatter(d_bias, index, len(key))
        d_key = d_by_distance.reshape(-1, len(key)).T @ query.reshape(-1, self.head_width)
        return PositionGradients(
            gradient_like(d_by_distance @ key, query), None, {"key": gradient_like(d_key, key)}
        )

    def values_forward(self, params: Params, weights: Array, places: Places) -> tuple[Any, Any]:
        index = self._index(places)
        binned = scatter(weights, index, len(params["value"]))
        return binned @ params["value"], ShawValuesSaved(binned, params["value"], index)

    def values_backward(self, d_out: Array, saved: ShawValuesSaved) -> tuple[Any, Params]:
        binned, value, index = saved
        d_value = binned.reshape(-1, len(value)).T @ d_out.reshape(-1, self.head_width)
        return gather(d_out @ transposed(value), index), {"value": gradient_like(d_value, value)}
