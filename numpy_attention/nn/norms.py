"""Normalisation of the last axis as layers: by mean and variance, or by the root mean square.

LayerNorm  out = weight * (x - mean(x)) / √(var(x) + eps) + bias
RMSNorm    out = weight * x / √(mean(x²) + eps)
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, real_number
from ..functional.layers.normalization import (
    LayerNormSaved,
    RmsNormSaved,
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from .layer import Layer, admit_choice, admit_flags, admit_sizes, admit_width, layer
from .parameters import Params, Shapes


def _admit_eps(eps: float) -> None:
    if real_number("eps", eps) < 0:
        raise ValueError(f"eps is {eps}; a number >= 0 is expected")


@layer
@dataclass(frozen=True)
class LayerNorm(Layer):
    """Rows scaled to mean 0 and mean square 1, times weight, plus bias.

    Parameters
    ----------
    width : the last axis of x
    eps : a number >= 0, added to the variance
    bias : False for none

    Parameters of the layer, as in PyTorch: weight (width,), initially 1, and bias (width,), initially 0.

    Examples
    --------
    >>> layer = LayerNorm(2, eps=0)
    >>> layer.forward(layer.init(np.random.default_rng(0)), np.array([1.0, 3.0]))[0]
    array([-1.,  1.])
    """

    width: int
    _: KW_ONLY
    eps: float = 1e-5
    bias: bool = True

    def __post_init__(self) -> None:
        admit_sizes(width=self.width)
        admit_flags(bias=self.bias)
        _admit_eps(self.eps)

    def own_shapes(self) -> Shapes:
        return {"weight": (self.width,)} | ({"bias": (self.width,)} if self.bias else {})

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return np.ones(shape) if name == "weight" else np.zeros(shape)

    def forward(self, params: Params, x: npt.ArrayLike) -> tuple[Any, LayerNormSaved]:
        """out, in the shape of x (..., width), and what `backward` needs."""
        self.check(params)
        x, weight = admit_width("x", x, self.width), params["weight"]
        bias = params["bias"] if self.bias else np.zeros_like(weight)
        return layer_norm_forward(x, weight, bias, self.eps)

    def backward(self, d_out: npt.ArrayLike, saved: LayerNormSaved) -> tuple[Any, Params]:
        """d_x, and d_params."""
        d_x, d_weight, d_bias = layer_norm_backward(d_out, saved)
        return d_x, {"weight": d_weight} | ({"bias": d_bias} if self.bias else {})


@layer
@dataclass(frozen=True)
class RMSNorm(Layer):
    """Rows scaled to mean square 1, times weight.

    Parameters
    ----------
    width : the last axis of x
    eps : a number >= 0, added to the mean square

    Parameter of the layer, as in PyTorch: weight (width,), initially 1.

    Examples
    --------
    >>> layer = RMSNorm(2, eps=0)
    >>> layer.forward(layer.init(np.random.default_rng(0)), np.array([3.0, 4.0]))[0].round(3)
    array([0.849, 1.131])
    """

    width: int
    _: KW_ONLY
    eps: float = 1e-5

    def __post_init__(self) -> None:
        admit_sizes(width=self.width)
        _admit_eps(self.eps)

    def own_shapes(self) -> Shapes:
        return {"weight": (self.width,)}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)

    def forward(self, params: Params, x: npt.ArrayLike) -> tuple[Any, RmsNormSaved]:
        """out, in the shape of x (..., width), and what `backward` needs."""
        self.check(params)
        return rms_norm_forward(admit_width("x", x, self.width), params["weight"], self.eps)

    def backward(self, d_out: npt.ArrayLike, saved: RmsNormSaved) -> tuple[Any, Params]:
        """d_x, and d_params."""
        d_x, d_weight = rms_norm_backward(d_out, saved)
        return d_x, {"weight": d_weight}


def norm_of(kind: str, width: int, eps: float, bias: bool = True) -> LayerNorm | RMSNorm:
    """A LayerNorm for "layer", an RMSNorm for "rms"."""
    admit_choice("norm", kind, NORMS)
    return LayerNorm(width, eps=eps, bias=bias) if kind == "layer" else RMSNorm(width, eps=eps)


NORMS = ("layer", "rms")
"""The kinds of `norm_of`."""
