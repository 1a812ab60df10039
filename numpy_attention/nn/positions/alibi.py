"""ALiBi: scores fall with the distance of query and key, in each head at a slope of its own.

bias_hls = -slope_h |position_l - position_s|
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...functional.attention.biases import alibi
from ...functional.base.admission import Array
from ...functional.base.arrays import whole_number
from ..layer import admit_sizes, layer
from ..parameters import Params
from .attention_positions import AttentionPositions, Places


def alibi_slopes(heads: int) -> Array:
    """The slopes (heads,): 2^(-8 / n), 2^(-16 / n), … for n heads, a power of two.

    For any other number, those of the power of two below it, then every other one of the power above it.

    Examples
    --------
    >>> alibi_slopes(4), alibi_slopes(3)
    (array([0.25      , 0.0625    , 0.015625  , 0.00390625]), array([0.0625    , 0.00390625, 0.25      ]))

    References
    ----------
    Press, Smith, Lewis 2021, section 3, and their code for other numbers of heads.
    """
    heads = whole_number("heads", heads, 1)
    below = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8 * (i + 1) / below) for i in range(below)]
    slopes += [2.0 ** (-4 * (2 * i + 1) / below) for i in range(heads - below)]
    return np.array(slopes)


@layer
@dataclass(frozen=True)
class ALiBi(AttentionPositions):
    """Scores less slope times distance: MultiHeadAttention(…, positions=ALiBi(heads)). Nothing is learned.

    Parameters
    ----------
    heads : number of heads of the attention, any
    """

    heads: int

    def __post_init__(self) -> None:
        admit_sizes(heads=self.heads)

    def fit(self, heads: int, columns: int) -> None:
        if heads != self.heads:
            raise ValueError(
                f"positions are for {self.heads} heads; {heads}, as the attention has, are expected"
            )

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        slopes = alibi_slopes(self.heads)
        start = _start(places)
        if start is not None:
            return alibi(slopes, offset=start), None
        return -slopes[:, None, None] * np.abs(places.distances())[..., None, :, :], None


def _start(places: Places) -> int | None:
    """The position of the first query, if keys stand at 0, 1, 2, … and queries follow each other likewise."""
    if places.query.ndim != 1 or places.key.ndim != 1 or not places.query.size:
        return None
    first = places.query[0]
    in_order = (places.query == first + np.arange(len(places.query))).all()
    at_keys = (places.key == np.arange(len(places.key))).all()
    return int(first) if in_order and at_keys and first == int(first) else None
