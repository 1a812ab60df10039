"""Layers made of layers: one after the other, one beside a residual connection, a group under one name.

Sequential  out = layer_n(… layer_1(layer_0(x)))
Residual    out = x + layer(x)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import Array, admit
from ..functional.base.arrays import shape_repr
from ..functional.masks.mask import Mask
from .layer import (
    Layer,
    SumSaved,
    as_one,
    child_seeds,
    layer,
    sum_backward,
    sum_forward,
    takes,
)
from .parameters import Params, check_saved


@shape_repr
class SequentialSaved(NamedTuple):
    """What each layer saved, in order."""

    layers: tuple[Any, ...]


@shape_repr
class ResidualSaved(NamedTuple):
    """What the layer saved, and the two summands."""

    inner: Any
    sum: SumSaved


def admit_layer(name: str, inner: object) -> None:
    """TypeError unless `inner` is a layer."""
    if not isinstance(inner, Layer):
        raise TypeError(f"{name} is {type(inner).__name__}; a layer is expected, e.g. nn.Linear(3, 5)")


def options_of(inner: Any, mask: Mask | None, seed: int | None) -> dict[str, Any]:
    """Of mask and seed those that the layer's forward takes."""
    given = {"mask": mask, "seed": seed}
    return {name: x for name, x in given.items() if x is not None and takes(type(inner), name)}


@layer
@dataclass(frozen=True, init=False)
class Sequential(Layer):
    """Layers one after the other; each takes one array.

    Parameters
    ----------
    *layers : at least one layer. Parameters as in PyTorch: those of layer i under its number, "0", "1", …

    Examples
    --------
    >>> import numpy as np
    >>> from numpy_attention import nn
    >>> layer = nn.Sequential(nn.Linear(3, 5), nn.Residual(nn.LayerNorm(5)))
    >>> print(layer)
    Sequential()  30 parameters
      0: Linear(in_features=3, out_features=5)  20 parameters
        weight (5, 3)
        bias (5,)
      1: Residual(inner=LayerNorm)  10 parameters
        inner: LayerNorm(width=5)  10 parameters
          weight (5,)
          bias (5,)
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        for place, inner in enumerate(layers):
            admit_layer(f"layer {place}", inner)
        if not layers:
            raise TypeError(f"layers is {layers}; at least one layer is expected")
        object.__setattr__(self, "layers", layers)

    def parts(self) -> dict[str, Layer]:
        return {str(place): inner for place, inner in enumerate(self.layers)}

    def forward(
        self, params: Params, x: npt.ArrayLike, *, mask: Mask | None = None, seed: int | None = None
    ) -> tuple[Any, SequentialSaved]:
        """out of x, and what `backward` needs.

        mask goes to every layer that takes one; each layer has a seed of its own, drawn from `seed`.
        """
        self.check(params)
        kinds: list[Any] = [type(inner) for inner in self.layers]
        if mask is not None and not any(takes(kind, "mask") for kind in kinds):
            raise TypeError(
                f"mask is {type(mask).__name__}, but no layer of these takes one; None is expected"
            )
        saved = []
        for (name, inner), own_seed in zip(
            self.parts().items(), child_seeds(seed, len(self.layers)), strict=True
        ):
            x, saved_inner = _forward(inner, params.get(name, {}), x, mask, own_seed)
            saved.append(saved_inner)
        return x, SequentialSaved(tuple(saved))

    def backward(self, d_out: npt.ArrayLike, saved: SequentialSaved) -> tuple[Any, Params]:
        """d_x, and d_params: the layers upwards."""
        check_saved(saved, SequentialSaved)
        d_x: Any = d_out
        d_params: Params = {}
        for (name, inner), saved_inner in reversed([*zip(self.parts().items(), saved.layers, strict=True)]):
            d_x, d_inner = _backward(inner, d_x, saved_inner)
            d_params = ({name: d_inner} if d_inner else {}) | d_params
        return d_x, d_params


@layer
@dataclass(frozen=True)
class Residual(Layer):
    """A layer beside a residual connection: out = x + inner(x).

    Parameters
    ----------
    inner : a layer whose output has the shape of its input. Its parameters are under "inner".

    References
    ----------
    He, Zhang, Ren, Sun 2016, equation 1.
    """

    inner: Layer

    def __post_init__(self) -> None:
        admit_layer("inner", self.inner)

    def parts(self) -> dict[str, Layer]:
        return {"inner": self.inner}

    def forward(
        self, params: Params, x: npt.ArrayLike, *, mask: Mask | None = None, seed: int | None = None
    ) -> tuple[Any, ResidualSaved]:
        """out, in the shape of x, and what `backward` needs."""
        self.check(params)
        x = admit("x", x)
        branch, inner = _forward(self.inner, params.get("inner", {}), x, mask, child_seeds(seed, 1)[0])
        if branch.shape != x.shape:
            raise ValueError(f"inner gives {branch.shape} for x of shape {x.shape}; the same is expected")
        out, summed = sum_forward(x, branch)
        return out, ResidualSaved(inner, summed)

    def backward(self, d_out: npt.ArrayLike, saved: ResidualSaved) -> tuple[Any, Params]:
        """Undo out = x + inner(x): d_x = d_out + inner's d_x."""
        check_saved(saved, ResidualSaved)
        d_x, d_branch = sum_backward(admit("d_out", d_out), saved.sum)
        d_x_inner, d_inner = _backward(self.inner, d_branch, saved.inner)
        return d_x + d_x_inner, {"inner": d_inner} if d_inner else {}


@dataclass(frozen=True, init=False)
class Group(Layer):
    """Layers under one name, as `layers.0`, `layers.1` of an encoder; what calls them is the layer above."""

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", layers)

    def parts(self) -> dict[str, Layer]:
        return {str(place): inner for place, inner in enumerate(self.layers)}


def _forward(inner: Any, params: Params, x: Any, mask: Mask | None, seed: int | None) -> tuple[Any, Any]:
    out, saved = inner.forward(params, x, **options_of(inner, mask, seed))
    return out, saved


def _backward(inner: Any, d_out: Array, saved: Any) -> tuple[Any, Params]:
    d_inputs, d_params = inner.backward(d_out, saved)
    return as_one(d_inputs), d_params
