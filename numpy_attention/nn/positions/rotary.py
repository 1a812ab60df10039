"""Rotary positions: each pair of entries of a query or key is turned by its position times the pair's rate.

    (a, b) -> (a cos - b sin, a sin + b cos),   angle = (position + offset) * rate

Their product depends on the distance of query and key alone.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...functional.base.admission import Array, admit, one_of, real_number
from ...functional.base.arrays import round_to, upcast, whole_number
from ...functional.layers.positions import LAYOUTS, RotarySaved, rotary_backward, rotate_pairs
from ..layer import layer
from ..parameters import Params
from .attention_positions import AttentionPositions, admit_positions, beside_heads
from .scaling import LinearScaling, NTKScaling, Scaling, YaRNScaling


@layer
@dataclass(frozen=True)
class Rotary(AttentionPositions):
    """Rotary positions of queries and keys: MultiHeadAttention(…, positions=Rotary()).

    Parameters
    ----------
    width : even number of entries of a head that are turned, None for all; the others are unchanged
    layout : the entries of a pair, "interleaved" (2i, 2i + 1) or "halves" (i, i + width / 2), as in Llama
    base : a positive number; pair i turns by base^(-2i / width) for each position
    offset : added to every position
    scaling : LinearScaling(factor), NTKScaling(factor), YaRNScaling(factor, original_length); None for none

    Examples
    --------
    >>> layer = Rotary(layout="halves")
    >>> out, saved = layer.forward({}, np.ones((2, 3, 5, 4)))  # (B, heads, L, D)
    >>> out[0, 0, 1].round(3)
    array([-0.301,  0.99 ,  1.382,  1.01 ])

    References
    ----------
    Su et al. 2021, equation 34. A part of the width: GPT-J, GPT-NeoX.
    """

    width: int | None = None
    _: KW_ONLY
    layout: str = "interleaved"
    base: float = 10000.0
    offset: float = 0
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        one_of("layout", self.layout, LAYOUTS)
        if self.width is not None and whole_number("width", self.width, 0) % 2:
            raise ValueError(f"width is {self.width}; an even whole number is expected")
        if real_number("base", self.base) <= 1:
            raise ValueError(f"base is {self.base}; a number > 1 is expected")
        real_number("offset", self.offset)
        if not isinstance(self.scaling, LinearScaling | NTKScaling | YaRNScaling | None):
            came = type(self.scaling).__name__
            raise TypeError(
                f"scaling is {came}; nn.LinearScaling(factor), NTKScaling or YaRNScaling is expected"
            )

    def fit(self, heads: int, columns: int) -> None:
        self._turned(columns)

    def _turned(self, columns: int) -> int:
        """The number of entries that are turned, of heads of so many columns."""
        width = columns if self.width is None else self.width
        if width > columns or width % 2:
            name = "width of positions" if self.width is not None else "head_width"
            raise ValueError(
                f"{name} is {width}; an even number <= {columns}, the columns of a head, is expected"
            )
        return width

    def tables(self, positions: npt.ArrayLike, columns: int) -> tuple[Array, Array]:
        """Cosine and sine of every angle, (..., L, width / 2): positions (..., L), columns of a head."""
        width = self._turned(columns)
        rates, amplitude = (self.scaling or LinearScaling(1.0)).rates(width, self.base)
        angles = (np.asarray(positions, np.float64) + self.offset)[..., None] * rates
        return amplitude * np.cos(angles), amplitude * np.sin(angles)

    def turn(self, x: Array, cos: Array, sin: Array) -> tuple[Any, RotarySaved]:
        """x (..., L, D) with its pairs turned by the angles of cos and sin (..., L, width / 2)."""
        (inner,) = upcast(x)
        real = inner.real.dtype
        saved = RotarySaved(x, cos.astype(real), sin.astype(real), self.layout)
        return round_to(rotate_pairs(inner, *saved[1:]), x, fresh=True), saved

    def rotate_forward(self, x: Array, positions: Array) -> tuple[Array, RotarySaved]:
        return self.turn(x, *map(beside_heads, self.tables(positions, x.shape[-1])))

    def rotate_backward(self, d_x: Array, saved: RotarySaved) -> Array:
        d_turned: Array = rotary_backward(d_x, saved)
        return d_turned

    def forward(
        self, params: Params, x: npt.ArrayLike, *, positions: npt.ArrayLike | None = None
    ) -> tuple[Any, RotarySaved]:
        """Heads (..., heads, L, D), turned. positions: (..., L); 0, 1, 2, … if None."""
        self.check(params)
        x = admit("x", x, 2)
        width = x.shape[-1] if self.width is None else self.width
        if width > x.shape[-1] or width % 2:
            raise ValueError(
                f"x has shape {x.shape}; {self.width or 'an even number of'} columns are expected"
            )
        return self.rotate_forward(x, admit_positions("positions", positions, x.shape[-2]))

    def backward(self, d_out: npt.ArrayLike, saved: RotarySaved) -> tuple[Any, Params]:
        """d_x: d_out turned back."""
        return rotary_backward(d_out, saved), {}
