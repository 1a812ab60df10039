"""Dropout as a layer: out = x * multipliers, each 0 with probability rate, else 1 / (1 - rate).

The multipliers depend on the seed and the position alone, so training resumes bit for bit. Without a seed
nothing is dropped: that is how a model is evaluated.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.attention.dropout import Dropout as Multipliers
from ..functional.base.admission import Array, admit
from ..functional.base.arrays import cotangent, gradient_like, round_to, shape_repr, upcast
from ..functional.base.memory import new_array
from .layer import Layer, admit_rate, layer
from .parameters import Params, check_saved


@shape_repr
class DropoutLayerSaved(NamedTuple):
    """The input, and the multipliers; None where nothing is dropped."""

    x: Array
    multipliers: Array | None


@layer
@dataclass(frozen=True)
class Dropout(Layer):
    """Entries set to zero at random, the others scaled up to keep the mean; x itself without a seed.

    Parameters
    ----------
    rate : the probability that an entry is dropped, in [0, 1)

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5)
    >>> layer.forward({}, np.ones(5), seed=5)[0]
    array([0., 0., 2., 0., 2.])
    >>> layer.forward({}, np.ones(5))[0]
    array([1., 1., 1., 1., 1.])

    References
    ----------
    Srivastava et al. 2014, section 4.
    """

    rate: float

    def __post_init__(self) -> None:
        admit_rate("rate", self.rate)

    def forward(
        self, params: Params, x: npt.ArrayLike, *, seed: int | None = None
    ) -> tuple[Any, DropoutLayerSaved]:
        """out, in the shape of x, and what `backward` needs. seed: a whole number, another for each step."""
        self.check(params)
        x = admit("x", x)
        out, saved = thin_forward(self.rate, x, seed)
        return (x.copy(), DropoutLayerSaved(x, None)) if saved is None else (out, saved)

    def backward(self, d_out: npt.ArrayLike, saved: DropoutLayerSaved) -> tuple[Any, Params]:
        """Undo out = x * multipliers: d_x = d_out * multipliers."""
        check_saved(saved, DropoutLayerSaved)
        d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
        d_x = thin_backward(d_out, None if saved.multipliers is None else saved)
        return gradient_like(d_x, saved.x), {}


def thin_forward(rate: float, x: Array, seed: int | None) -> tuple[Any, DropoutLayerSaved | None]:
    """x * multipliers; or x itself, and None saved, where nothing is dropped."""
    if seed is None or not rate:
        return x, None
    multipliers = Multipliers(seed, rate).fill(new_array(x.shape, upcast(x)[0].real.dtype))
    return round_to(x * multipliers, x, fresh=True), DropoutLayerSaved(x, multipliers)


def thin_backward(d_out: Array, saved: DropoutLayerSaved | None) -> Any:
    """Undo `thin_forward`: d_x = d_out * multipliers, or d_out itself."""
    return d_out if saved is None else gradient_like(d_out * saved.multipliers, saved.x, fresh=True)
