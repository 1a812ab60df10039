"""T5's relative positions: a learned number for each head and each bucket of distances.

    bias_hls = weight[bucket(position_s - position_l), h]

Near distances have a bucket each, farther ones share buckets that grow by a factor, up to max_distance.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...functional.attention.biases import relative
from ...functional.base.admission import Array, whole_numbers
from ...functional.base.arrays import whole_number
from ...functional.layers.embedding import embedding_backward, embedding_forward
from ..layer import admit_flags, admit_sizes, layer
from ..parameters import Params, Shapes
from .attention_positions import AttentionPositions, Places, PositionGradients


def t5_buckets(
    distances: npt.ArrayLike, buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Array:
    """The bucket, from 0 to buckets - 1, of each whole distance key - query.

    Half of the buckets are for keys ahead if bidirectional; else those are in bucket 0. Of one direction,
    half are for single distances, the other half for ranges that end at max_distance.

    Examples
    --------
    >>> t5_buckets([-200, -9, -3, 0, 3, 9, 200])
    array([15,  8,  3,  0, 19, 24, 31])

    References
    ----------
    Raffel et al. 2020, section 2.1, and their code.
    """
    ahead = whole_numbers("distances", distances)
    count = buckets // 2 if bidirectional else buckets
    first = np.where(ahead > 0, count, 0) if bidirectional else np.zeros_like(ahead)
    apart = np.abs(ahead) if bidirectional else np.maximum(-ahead, 0)
    exact = count // 2
    growth = np.log(np.maximum(apart, exact) / exact) / math.log(max_distance / exact)
    shared = exact + (growth * (count - exact)).astype(np.int64)
    return np.asarray(first + np.where(apart < exact, apart, np.minimum(shared, count - 1)))


@layer
@dataclass(frozen=True)
class T5Buckets(AttentionPositions):
    """A learned bias for each bucket of distances: MultiHeadAttention(…, positions=T5Buckets(heads)).

    Parameters
    ----------
    heads : number of heads of the attention
    buckets : number of buckets; max_distance : from which on all share the last bucket
    bidirectional : False for a decoder, whose queries do not look ahead

    Parameter of the layer: weight (buckets, heads), as Hugging Face's relative_attention_bias has it.
    """

    heads: int
    _: KW_ONLY
    buckets: int = 32
    max_distance: int = 128
    bidirectional: bool = True

    def __post_init__(self) -> None:
        admit_sizes(heads=self.heads)
        admit_flags(bidirectional=self.bidirectional)
        least = 4 if self.bidirectional else 2
        whole_number("buckets", self.buckets, least)
        exact = self.buckets // least
        if whole_number("max_distance", self.max_distance, 1) <= exact:
            raise ValueError(f"max_distance is {self.max_distance}; more than {exact} is expected")

    def own_shapes(self) -> Shapes:
        return {"weight": (self.buckets, self.heads)}

    def fit(self, heads: int, columns: int) -> None:
        if heads != self.heads:
            raise ValueError(
                f"positions are for {self.heads} heads; {heads}, as the attention has, are expected"
            )

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        own = t5_buckets(places.distances(), self.buckets, self.max_distance, self.bidirectional)
        if own.ndim == 2:
            return relative(params["weight"].T, own), None
        rows, saved = embedding_forward(own, params["weight"])  # (..., L, S, H)
        return np.moveaxis(rows, -1, -3), saved

    def bias_backward(self, d_bias: Any, saved: Any) -> PositionGradients:
        d_weight = (
            d_bias.d_table.T if saved is None else embedding_backward(np.moveaxis(d_bias, -3, -1), saved)
        )
        return PositionGradients(None, None, {"weight": d_weight})
