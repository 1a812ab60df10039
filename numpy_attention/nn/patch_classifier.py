"""The patch classifier: a vision transformer of images that come cut into patches.

    images = xᵀ, every patch one place of `input_dim` channels       (B, T, C) -> (B, C, T, 1)
    logits = VisionTransformer(images)                               its patches are x again

A vision transformer knows of a patch's place no more than its learned position, and so it does here.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array, whole_numbers
from ..functional.base.wording import counted
from .adaptive import SOFTMAX, adaptive_text
from .attention_step import REFERENCE, Intervention
from .head_entries import Entries, head_entries
from .parameters import (
    Params,
    Shapes,
    admit_d_logits,
    admit_tokens,
    check_params,
    check_saved,
    explained_layer,
)
from .positions.span import AdaptiveSpan
from .rollout import rollout
from .temperature import FIXED
from .vision_transformer import VisionTransformer, VisionTransformerSaved


class PatchClassifierSaved(NamedTuple):
    """What the transformer saved; and what its weights follow from, which training does not need."""

    transformer: VisionTransformerSaved
    model: VisionTransformer
    params: Params

    @property
    def maps(self) -> dict[str, Array]:
        """The weights (B, H, T, T) of every layer by name, computed here."""
        again = replace(self.model, attention=REFERENCE)
        layers = again.forward(self.params, self.transformer.images)[1].stack.layers
        return {f"layer {n}": layer.self_attn.attention.weights for n, layer in enumerate(layers, 1)}

    @property
    def weights(self) -> Array:
        """By rollout, the share (B, 1, T) of each patch in the mean of all tokens."""
        shares: Array = rollout([*self.maps.values()]).mean(axis=-2, keepdims=True)
        return shares


@explained_layer
class PatchClassifier(NamedTuple):
    """Patches in, logits out; see the equations above. `heads` divides `hidden_dim`.

    Examples
    --------
    >>> model = PatchClassifier(input_dim=4, tokens=7, hidden_dim=6, heads=2, layers=3, outputs=5)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, np.ones((2, 7, 4)))
    >>> logits.shape, saved.weights.shape, saved.maps["layer 3"].shape
    ((2, 5), (2, 1, 7), (2, 2, 7, 7))
    """

    input_dim: int
    tokens: int
    hidden_dim: int = 48
    heads: int = 1
    layers: int = 1
    outputs: int = 1
    uniform: bool = False
    """True for uniform weights in every layer"""
    normaliser: str = SOFTMAX
    temperature: str = FIXED
    span: AdaptiveSpan | None = None
    attention: Intervention | None = None
    """An intervention, such as `Watch`"""

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters in training."""
        return np.float32

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "uniform weights" if self.uniform else "vision transformer"

    def steps(self, tokens: int) -> dict[str, str]:
        """The steps of the model, as a report names them."""
        C, H = self.hidden_dim, self.heads
        learned = adaptive_text(self.normaliser, self.temperature, self.span)
        return {
            "extract features": f"linear + positions: ({tokens}, {self.input_dim}) -> ({tokens}, {C})",
            "allocate attention": f"dot-product scores, {counted(H, 'head')} in "
            f"{counted(self.layers, 'layer')}{learned}: ({H}, {tokens}, {tokens}) weights",
            "predict": f"mean of all tokens, linear: {C}",
        }

    def with_uniform_weights(self) -> "PatchClassifier":
        """The same model with uniform weights in every layer."""
        return self._replace(uniform=True, normaliser=SOFTMAX, temperature=FIXED, span=None)

    @property
    def transformer(self) -> VisionTransformer:
        """The vision transformer, of patches of one place each, without a class token."""
        return VisionTransformer(
            (self.tokens, 1), 1, self.hidden_dim, self.heads, self.layers, self.outputs,
            channels=self.input_dim, hidden=2 * self.hidden_dim, pooling="mean",
            scale=0.0 if self.uniform else None, attention=self.attention, normaliser=self.normaliser,
            temperature=self.temperature, span=self.span,
        )  # fmt: skip

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        return self.transformer.shapes()

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """The entries of each head of every layer."""
        return head_entries(self.transformer)

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters, those of the transformer."""
        return self.transformer.init(rng)

    def forward(
        self, params: Params, x: Array, lengths: Array | None = None
    ) -> tuple[Array, PatchClassifierSaved]:
        """Logits (B, outputs), or (B,) for one, of x (B, T, input_dim), and what `backward` needs.

        Raises
        ------
        ValueError
            If x has another shape, or a length is not that of all patches.
        """
        x = admit_tokens(x, self.input_dim, self.tokens)
        if lengths is not None and (whole_numbers("lengths", lengths, least=0) != self.tokens).any():
            raise ValueError(
                f"lengths holds {np.min(lengths)}; {self.tokens} is expected: every image has all its patches"
            )
        check_params(params, self.shapes())
        transformer, images = self.transformer, x.swapaxes(1, 2)[..., None]
        if params["patches"]["weight"].dtype == np.float32:
            images = images.astype(np.float32)
        logits, saved = transformer.forward(params, images)
        own = PatchClassifierSaved(saved, transformer, params)
        return logits[:, 0] if self.outputs == 1 else logits, own

    def backward(
        self, d_logits: Array, saved: PatchClassifierSaved, *, needs_d_x: bool = True
    ) -> tuple[Any, Params]:
        """d_x (B, T, input_dim), None where it is not needed, and d_params."""
        check_saved(saved, PatchClassifierSaved)
        d_logits = admit_d_logits(d_logits, len(saved.transformer.images), self.outputs)
        d_images, d_params = self.transformer.backward(d_logits, saved.transformer)
        return d_images[..., 0].swapaxes(1, 2) if needs_d_x else None, d_params
