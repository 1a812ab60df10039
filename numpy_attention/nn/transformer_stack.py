"""Encoder and decoder: blocks one after the other, and a last norm where each block begins with one.

    x = layer_i(x)                     for every layer          x = norm(x)
    x = layer_i(x, memory)             of a decoder

Parameters are named as in PyTorch: layers.0, layers.1, …, norm.
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import admit
from ..functional.base.arrays import shape_repr
from ..functional.masks.mask import Mask
from .block import Block
from .composition import Group
from .layer import Layer, admit_flags, admit_sizes, child_seeds, either, either_backward, layer
from .norms import LayerNorm, RMSNorm
from .parameters import Params, check_saved
from .transformer import DecoderGradients, TransformerDecoderLayer, TransformerEncoderLayer


@shape_repr
class StackSaved(NamedTuple):
    """What every layer and the last norm saved; None without one."""

    layers: tuple[Any, ...]
    norm: Any


@dataclass(frozen=True)
class _Stack(Layer):
    layer: Block
    layers: int
    _: KW_ONLY
    norm: bool = False

    def __post_init__(self) -> None:
        kind = TransformerEncoderLayer if isinstance(self, TransformerEncoder) else TransformerDecoderLayer
        if not isinstance(self.layer, kind):
            raise TypeError(f"layer is {type(self.layer).__name__}; a {kind.__name__} is expected")
        admit_sizes(layers=self.layers)
        admit_flags(norm=self.norm)

    @cached_property
    def last_norm(self) -> LayerNorm | RMSNorm:
        """The norm after the last layer."""
        return self.layer.norm1

    def parts(self) -> dict[str, Layer]:
        layers = Group(*(self.layer for _ in range(self.layers)))
        return {"layers": layers, "norm": self.last_norm} if self.norm else {"layers": layers}


@layer
@dataclass(frozen=True)
class TransformerEncoder(_Stack):
    """Encoder layers one after the other.

    Parameters
    ----------
    layer : a `TransformerEncoderLayer`, whose sizes all layers have; each has parameters of its own
    layers : their number
    norm : True for a norm after the last layer, as norm_first layers need

    Examples
    --------
    >>> import numpy as np
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(6, 2, 12), layers=3)
    >>> params = encoder.init(np.random.default_rng(0))
    >>> out, saved = encoder.forward(params, np.ones((2, 5, 6)))
    >>> out.shape, list(params["layers"])
    ((2, 5, 6), ['0', '1', '2'])
    """

    def forward(
        self,
        params: Params,
        x: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        seed: int | None = None,
        cache: Any = None,
    ) -> tuple[Any, StackSaved]:
        """out, in the shape of x (B, T, width), and what `backward` needs; options as of a layer.

        cache: a `ModelCache`, one KV cache for each layer.
        """
        self.check(params)
        saved = []
        inner: Any = self.layer
        for place, own_seed in enumerate(child_seeds(seed, self.layers)):
            own, kept = params["layers"][str(place)], None if cache is None else cache[place]
            x, saved_layer = inner.forward(own, x, mask=mask, seed=own_seed, cache=kept)
            saved.append(saved_layer)
        out, norm = either(self.norm, self.last_norm, params.get("norm", {}), x)
        return out, StackSaved(tuple(saved), norm)

    def backward(self, d_out: npt.ArrayLike, saved: StackSaved) -> tuple[Any, Params]:
        """d_x, and d_params."""
        check_saved(saved, StackSaved)
        d_x, d_norm = either_backward(self.last_norm, admit("d_out", d_out), saved.norm)
        d_layers: Params = {}
        inner: Any = self.layer
        for place in reversed(range(self.layers)):
            d_x, d_layers[str(place)] = inner.backward(d_x, saved.layers[place])
        return d_x, _nested(d_layers, d_norm)


@layer
@dataclass(frozen=True)
class TransformerDecoder(_Stack):
    """Decoder layers one after the other, which all attend to the same memory.

    Parameters
    ----------
    layer, layers, norm : as in `TransformerEncoder`, the layer a `TransformerDecoderLayer`

    Examples
    --------
    >>> import numpy as np
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(6, 2, 12), layers=3)
    >>> params = decoder.init(np.random.default_rng(0))
    >>> out, saved = decoder.forward(params, np.ones((2, 5, 6)), np.ones((2, 7, 6)))
    >>> (d_x, d_memory), d_params = decoder.backward(np.ones_like(out), saved)
    >>> d_memory.shape
    (2, 7, 6)
    """

    def forward(
        self,
        params: Params,
        x: npt.ArrayLike,
        memory: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        memory_mask: Mask | None = None,
        seed: int | None = None,
        cache: Any = None,
    ) -> tuple[Any, StackSaved]:
        """out, in the shape of x (B, T, width), and what `backward` needs; options as of a layer.

        cache: a `ModelCache`, one KV cache for each layer's self-attention.
        """
        self.check(params)
        masks = {"mask": mask, "memory_mask": memory_mask}
        saved = []
        inner: Any = self.layer
        for place, own_seed in enumerate(child_seeds(seed, self.layers)):
            own, kept = params["layers"][str(place)], None if cache is None else cache[place]
            x, saved_layer = inner.forward(own, x, memory, **masks, seed=own_seed, cache=kept)
            saved.append(saved_layer)
        out, norm = either(self.norm, self.last_norm, params.get("norm", {}), x)
        return out, StackSaved(tuple(saved), norm)

    def backward(self, d_out: npt.ArrayLike, saved: StackSaved) -> tuple[DecoderGradients, Params]:
        """(d_x, d_memory), and d_params. Every layer reads the memory: their gradients add up."""
        check_saved(saved, StackSaved)
        d_x, d_norm = either_backward(self.last_norm, admit("d_out", d_out), saved.norm)
        d_layers: Params = {}
        d_memory: Any = 0
        inner: Any = self.layer
        for place in reversed(range(self.layers)):
            (d_x, d_own), d_layers[str(place)] = inner.backward(d_x, saved.layers[place])
            d_memory = d_own + d_memory
        return DecoderGradients(d_x, d_memory), _nested(d_layers, d_norm)


def _nested(d_layers: Params, d_norm: Params) -> Params:
    """The gradients in the order of the parameters."""
    ordered = {name: d_layers[name] for name in reversed(d_layers)}
    return {"layers": ordered} | ({"norm": d_norm} if d_norm else {})
