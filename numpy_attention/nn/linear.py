"""The linear map as a layer: out = x @ weightᵀ + bias."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy.typing as npt

from ..functional.layers.linear import LinearSaved, linear_backward, linear_forward
from .layer import Layer, admit_flags, admit_sizes, admit_width, layer
from .parameters import Params, Shapes


@layer
@dataclass(frozen=True)
class Linear(Layer):
    """The linear map: out = x @ weightᵀ + bias.

    Parameters
    ----------
    in_features, out_features : the last axis of x, and that of out
    bias : False for none

    Parameters of the layer, as in PyTorch: weight (out_features, in_features), bias (out_features,).

    Examples
    --------
    >>> import numpy as np
    >>> layer = Linear(3, 2)
    >>> out, saved = layer.forward(layer.init(np.random.default_rng(0)), np.ones((5, 3)))
    >>> d_x, d_params = layer.backward(np.ones((5, 2)), saved)
    >>> out.shape, d_x.shape, d_params["bias"]
    ((5, 2), (5, 3), array([5., 5.]))
    """

    in_features: int
    out_features: int
    _: KW_ONLY
    bias: bool = True

    def __post_init__(self) -> None:
        admit_sizes(in_features=self.in_features, out_features=self.out_features)
        admit_flags(bias=self.bias)

    def own_shapes(self) -> Shapes:
        weight = {"weight": (self.out_features, self.in_features)}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def forward(self, params: Params, x: npt.ArrayLike) -> tuple[Any, LinearSaved]:
        """out (..., out_features) of x (..., in_features), and what `backward` needs."""
        self.check(params)
        x = admit_width("x", x, self.in_features)
        return linear_forward(x, params["weight"], params.get("bias"))

    def backward(self, d_out: npt.ArrayLike, saved: LinearSaved) -> tuple[Any, Params]:
        """d_x (..., in_features), and d_params."""
        d_x, d_weight, d_bias = linear_backward(d_out, saved)
        return d_x, {"weight": d_weight} | ({"bias": d_bias} if self.bias else {})
