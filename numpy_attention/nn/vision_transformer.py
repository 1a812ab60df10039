"""The vision transformer: an image is a sequence of patches, and an encoder reads it.

x   = patches(images) @ weightᵀ + bias          each patch one token
x   = [class token; x] + positions
x   = norm(layer_i(x) for every layer)
out = classifier(x_0), or of the mean of all tokens
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit, shown
from ..functional.base.arrays import cotangent, gradient_like, shape_repr, unbroadcast
from .dropout import thin_backward, thin_forward
from .embedding import SPREAD
from .layer import Layer, admit_choice, admit_sizes, child_seeds, either, either_backward, layer
from .linear import Linear
from .model_options import (
    BlockOptions,
    add_positions,
    add_positions_backward,
    added_positions,
    admit_optional_sizes,
)
from .parameters import Params, Shapes, check_saved
from .positions.added import Learned, Sinusoidal
from .positions.attention_positions import AttentionPositions
from .token_pooling import pool_backward, pool_forward

CLASS, MEAN = "class", "mean"


@shape_repr
class VisionTransformerSaved(NamedTuple):
    """One entry per line of the forward; None for a line that the layer does not have."""

    images: Array
    patches: Any
    class_token: Any
    positions: Any
    dropout: Any
    stack: Any
    hidden: Array
    """The tokens (B, T, width) after the last norm, the class token first"""
    pooling: Any
    classifier: Any


@shape_repr
class ClassTokenSaved(NamedTuple):
    """The class token (width,) and the patches (B, T, width)."""

    token: Array
    x: Array


@layer
@dataclass(frozen=True)
class VisionTransformer(BlockOptions):
    """A transformer encoder of images: ViT's form by default.

    Parameters
    ----------
    image : height and width of an image, (height, width) or one number for both; multiples of patch
    patch : height and width of a patch
    width, heads, layers : columns of a token; heads of an attention; number of blocks
    classes : number of classes; None for the pooled vector itself
    channels : of an image
    pooling : "class", a learned token before the patches; or "mean" of the patches
    positions, hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: patches (weight (width, channels * patch²): channel, row, column), class_token,
    positions.weight, those of a `TransformerEncoder` (layers.0, …, norm), classifier.

    Examples
    --------
    >>> model = VisionTransformer(image=8, patch=4, width=6, heads=2, layers=2, classes=3, channels=1)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, np.ones((5, 1, 8, 8)))
    >>> d_images, d_params = model.backward(np.ones_like(logits), saved)
    >>> logits.shape, saved.hidden.shape, d_images.shape
    ((5, 3), (5, 5, 6), (5, 1, 8, 8))

    References
    ----------
    Dosovitskiy et al. 2021.
    """

    image: int | tuple[int, int]
    patch: int
    width: int
    heads: int
    layers: int
    classes: int | None = None
    _: KW_ONLY
    channels: int = 3
    pooling: str = CLASS
    positions: str | AttentionPositions | None = "learned"
    activation: str = "gelu"
    eps: float = 1e-12

    def __post_init__(self) -> None:
        admit_sizes(patch=self.patch, layers=self.layers, channels=self.channels)
        admit_optional_sizes(classes=self.classes)
        height, width = self.size
        admit_sizes(image=height)
        admit_sizes(image=width)
        if height % self.patch or width % self.patch:
            raise ValueError(f"image is {self.image}; multiples of patch, {self.patch}, are expected")
        admit_choice("pooling", self.pooling, (CLASS, MEAN))
        self.parts()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image."""
        if isinstance(self.image, tuple) and len(self.image) != 2:
            raise ValueError(f"image is {shown(self.image)}; (height, width) is expected")
        return self.image if isinstance(self.image, tuple) else (self.image, self.image)

    @property
    def grid(self) -> tuple[int, int]:
        """Number of patches, in height and in width."""
        return self.size[0] // self.patch, self.size[1] // self.patch

    @cached_property
    def project(self) -> Linear:
        """The linear map of a patch."""
        return Linear(self.channels * self.patch**2, self.width)

    @cached_property
    def added(self) -> Learned | Sinusoidal | None:
        """The positions that are added to the tokens."""
        tokens = self.grid[0] * self.grid[1] + (self.pooling == CLASS)
        return added_positions(self.positions, tokens, self.width)

    @cached_property
    def classifier(self) -> Linear:
        """The linear map to the classes."""
        return Linear(self.width, self.classes or 1)

    def own_shapes(self) -> Shapes:
        return {"class_token": (self.width,)} if self.pooling == CLASS else {}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return rng.normal(scale=SPREAD, size=shape)

    def parts(self) -> dict[str, Layer]:
        positions: dict[str, Layer] = {"positions": self.added} if self.added else {}
        classifier: dict[str, Layer] = {"classifier": self.classifier} if self.classes else {}
        return {"patches": self.project, **positions, **self.stack.parts(), **classifier}

    def forward(
        self, params: Params, images: npt.ArrayLike, *, seed: int | None = None
    ) -> tuple[Any, VisionTransformerSaved]:
        """Logits (B, classes), or the pooled vectors (B, width), and what `backward` needs.

        images: (B, channels, height, width). seed: for dropout, None for none. saved.hidden are the tokens
        (B, T, width) after the last norm.
        """
        self.check(params)
        images = self._admit_images(images)
        first, last = child_seeds(seed, 2)
        x, patches = self.project.forward(params["patches"], self.patches_of(images))
        x, token = class_token_forward(params.get("class_token"), x)
        x, positions = add_positions(self.added, params, x)
        x, dropout = thin_forward(self.dropout, x, first)
        hidden, stack = self.stack.forward(self.of_stack(params), x, seed=last)
        pooled, pooling = pool_forward("first" if self.pooling == CLASS else MEAN, hidden, None)
        out, classifier = either(
            self.classes is not None, self.classifier, params.get("classifier", {}), pooled
        )
        return out, VisionTransformerSaved(
            images, patches, token, positions, dropout, stack, hidden, pooling, classifier
        )

    def backward(self, d_out: npt.ArrayLike, saved: VisionTransformerSaved) -> tuple[Any, Params]:
        """d_images (B, channels, height, width), and d_params: the forward's lines upwards."""
        check_saved(saved, VisionTransformerSaved)
        # out = classifier(pool(hidden))
        d_pooled, d_classifier = either_backward(self.classifier, admit("d_out", d_out), saved.classifier)
        d_hidden = pool_backward(d_pooled, saved.pooling)
        # hidden = layers(dropout(x + positions))
        d_x, d_stack = self.stack.backward(d_hidden, saved.stack)
        d_x = thin_backward(d_x, saved.dropout)
        d_x, d_positions = add_positions_backward(self.added, d_x, saved.positions)
        # x = [class token; patches(images) @ weightᵀ + bias]
        d_x, d_token = class_token_backward(d_x, saved.class_token)
        d_patches, d_project = self.project.backward(d_x, saved.patches)
        classifier = {"classifier": d_classifier} if d_classifier else {}
        d_params = {**d_token, "patches": d_project, **d_positions, **d_stack, **classifier}
        return gradient_like(self.images_of(d_patches), saved.images), d_params

    def patches_of(self, images: Array) -> Array:
        """(B, channels, height, width) -> (B, patches, channels * patch²), row by row: a reshape."""
        (down, across), side = self.grid, self.patch
        squares = images.reshape(*images.shape[:-2], down, side, across, side)  # (B, c, down, p, across, p)
        return _ahead(squares).reshape(*images.shape[:-3], down * across, -1)

    def images_of(self, patches: Array) -> Array:
        """The inverse of `patches_of`."""
        (down, across), side = self.grid, self.patch
        squares = patches.reshape(*patches.shape[:-2], down, across, self.channels, side, side)
        return _back(squares).reshape(*patches.shape[:-2], self.channels, *self.size)

    def _admit_images(self, images: npt.ArrayLike) -> Array:
        array = admit("images", images, 3)
        expected = (self.channels, *self.size)
        if array.shape[-3:] != expected:
            sizes = ", ".join(map(str, expected))
            raise ValueError(f"images has shape {array.shape}; (B, {sizes}) is expected")
        return array


def _ahead(squares: Array) -> Array:
    """(…, channels, down, p, across, p) -> (…, down, across, channels, p, p)"""
    return np.moveaxis(squares, (-4, -2), (-5, -4))


def _back(squares: Array) -> Array:
    """The inverse of `_ahead`."""
    return np.moveaxis(squares, (-5, -4), (-4, -2))


def class_token_forward(token: Array | None, x: Array) -> tuple[Array, Any]:
    """[token; x]: (B, T, width) -> (B, 1 + T, width); x itself without a token."""
    if token is None:
        return x, None
    first = np.broadcast_to(token, (*x.shape[:-2], 1, len(token)))
    return np.concatenate([first, x], axis=-2), ClassTokenSaved(token, x)


def class_token_backward(d_out: Array, saved: Any) -> tuple[Any, Params]:
    """Undo [token; x]: d_x, and the gradient of the token, summed over the batch."""
    if saved is None:
        return d_out, {}
    token, x = saved
    d_out = cotangent("d_out", d_out, (*x.shape[:-2], x.shape[-2] + 1, x.shape[-1]), x, token)
    d_token = gradient_like(unbroadcast(d_out[..., 0, :], token.shape), token)
    return gradient_like(d_out[..., 1:, :], x), {"class_token": d_token}
