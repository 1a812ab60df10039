"""Positions that are added to token embeddings: fixed waves, or one learned vector for each place.

Sinusoidal  out = x + waves(positions)         Learned  out = x + weight[positions]
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...functional.base.admission import Array, admit, real_number, whole_numbers
from ...functional.base.arrays import cotangent, gradient_like, round_to, shape_repr, unbroadcast
from ...functional.layers.embedding import EmbeddingSaved, embedding_backward, look_up
from ...functional.layers.positions import sinusoidal
from ..embedding import SPREAD
from ..layer import Layer, admit_sizes, admit_width, layer
from ..parameters import Params, Shapes, check_saved
from .attention_positions import admit_positions


@shape_repr
class SinusoidalSaved(NamedTuple):
    """The input."""

    x: Array


@shape_repr
class LearnedSaved(NamedTuple):
    """The input, the rows that were added, and what looking them up saved."""

    x: Array
    rows: Array
    embedding: EmbeddingSaved


def _admit(x: npt.ArrayLike, width: int) -> Array:
    return admit_width("x", admit("x", x, 2), width)


@layer
@dataclass(frozen=True)
class Sinusoidal(Layer):
    """Sines and cosines of the positions, added to x: entry 2i is sin(p * base^(-2i / width)).

    Parameters
    ----------
    width : columns of x, an even number
    base : a positive number

    Examples
    --------
    >>> layer = Sinusoidal(2)
    >>> layer.forward({}, np.zeros((2, 2)))[0]
    array([[0.        , 1.        ],
           [0.84147098, 0.54030231]])

    References
    ----------
    Vaswani et al. 2017, section 3.5.
    """

    width: int
    _: KW_ONLY
    base: float = 10000.0

    def __post_init__(self) -> None:
        admit_sizes(width=self.width)
        if real_number("base", self.base) <= 0:
            raise ValueError(f"base is {self.base}; a positive number is expected")
        sinusoidal(0, self.width)

    def forward(
        self, params: Params, x: npt.ArrayLike, *, positions: npt.ArrayLike | None = None
    ) -> tuple[Any, SinusoidalSaved]:
        """out, in the shape of x (..., T, width). positions: numbers (..., T); 0, 1, 2, … if None."""
        self.check(params)
        x = _admit(x, self.width)
        waves = sinusoidal(admit_positions("positions", positions, x.shape[-2]), self.width, self.base)
        return round_to(x + waves.astype(x.real.dtype), x), SinusoidalSaved(x)

    def backward(self, d_out: npt.ArrayLike, saved: SinusoidalSaved) -> tuple[Any, Params]:
        """Undo out = x + waves: d_x = d_out."""
        check_saved(saved, SinusoidalSaved)
        return gradient_like(cotangent("d_out", d_out, saved.x.shape, saved.x), saved.x), {}


@layer
@dataclass(frozen=True)
class Learned(Layer):
    """A learned vector for each place, added to x.

    Parameters
    ----------
    length : number of places, the longest sequence
    width : columns of x

    Parameter of the layer: weight (length, width), as that of PyTorch's nn.Embedding.

    Examples
    --------
    >>> layer = Learned(7, 2)
    >>> params = layer.init(np.random.default_rng(0))
    >>> out, saved = layer.forward(params, np.zeros((3, 5, 2)))
    >>> bool((out == params["weight"][:5]).all())
    True

    References
    ----------
    Gehring et al. 2017, section 3.1.
    """

    length: int
    width: int

    def __post_init__(self) -> None:
        admit_sizes(length=self.length, width=self.width)

    def own_shapes(self) -> Shapes:
        return {"weight": (self.length, self.width)}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return rng.normal(scale=SPREAD, size=shape)

    def forward(
        self, params: Params, x: npt.ArrayLike, *, positions: npt.ArrayLike | None = None
    ) -> tuple[Any, LearnedSaved]:
        """out, in the shape of x (..., T, width). positions: whole numbers (..., T); 0, 1, 2, … if None."""
        self.check(params)
        x = _admit(x, self.width)
        places = whole_numbers("positions", admit_positions("positions", positions, x.shape[-2]), least=0)
        if places.size and places.max() >= self.length:
            came = f"x has length {x.shape[-2]}" if positions is None else f"positions holds {places.max()}"
            raise ValueError(f"{came}; there are {self.length} positions, from 0 to {self.length - 1}")
        rows, embedding = look_up(places, params["weight"])
        return x + rows, LearnedSaved(x, rows, embedding)

    def backward(self, d_out: npt.ArrayLike, saved: LearnedSaved) -> tuple[Any, Params]:
        """Undo out = x + weight[positions]: d_x = d_out, and d_weight sums it over the sequences."""
        check_saved(saved, LearnedSaved)
        x, rows, embedding = saved
        shape = np.broadcast_shapes(x.shape, rows.shape)
        d_out = cotangent("d_out", d_out, shape, x, rows)
        d_weight = embedding_backward(unbroadcast(d_out, rows.shape), embedding)
        return gradient_like(d_out, x), {"weight": d_weight}
