"""Sounds and pictures matched: a spoken word attends to the patches of several pictures, and so names one.

frames  = sound encoder(sound @ weightᵀ + bias + positions)
word    = attention pooling(frames)                              a learned query reads the frames
patches = picture encoder(picture @ weightᵀ + bias + positions)  of each picture alone
scores  = word · patches / sqrt(width)                           over the patches of all pictures
logits  = logsumexp(scores)                                      over the patches of each picture

softmax(logits) is how much of the word's attention, softmax(scores), each picture has.
"""

import math
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import Array, admit
from ..functional.base.arrays import shape_repr
from ..functional.layers.softmax import logsumexp_backward, logsumexp_forward, softmax
from ..functional.masks.mask import Mask
from ..functional.scores.products import dot_scores_backward, dot_scores_forward
from .layer import Layer, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import BlockOptions, block
from .parameters import Params, check_saved
from .pooling import AttentionPooling
from .positions.added import Learned
from .transformer_stack import TransformerEncoder


@shape_repr
class SoundPictureMatcherSaved(NamedTuple):
    """One entry per line of the forward, embedding and positions apart."""

    sound: Any
    pooling: Any
    picture: Any
    scores: Array
    """(B, pictures, patches)"""
    dot: Any
    logsumexp: Any

    @property
    def weights(self) -> Array:
        """The word's attention (B, pictures, patches), whose sum over all pictures is 1."""
        rows = self.scores.reshape(len(self.scores), -1)
        weights: Array = softmax(rows).reshape(self.scores.shape)
        return weights


@layer
@dataclass(frozen=True)
class SoundPictureMatcher(BlockOptions):
    """Sounds and several pictures each in; a logit for every picture out.

    Parameters
    ----------
    sound_dim, context : columns of a sound's token; the most tokens of a sound
    picture_dim, patches : columns of a patch; patches of a picture
    width, heads, layers : those of both encoders, as in `LanguageModel`
    hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: of the sound sound_embed, sound_positions, sound, pooling; of the pictures
    picture_embed, picture_positions, picture.

    Examples
    --------
    >>> import numpy as np
    >>> import numpy_attention as na
    >>> sizes = dict(width=6, heads=2, layers=1)
    >>> model = SoundPictureMatcher(sound_dim=5, context=4, picture_dim=3, patches=7, **sizes)
    >>> params = model.init(np.random.default_rng(0))
    >>> sounds, pictures = np.ones((2, 4, 5)), np.ones((2, 3, 7, 3))
    >>> logits, saved = model.forward(params, sounds, pictures, mask=na.padding([4, 2]))
    >>> (d_sounds, d_pictures), d_params = model.backward(np.ones_like(logits), saved)
    >>> logits.shape, saved.weights.shape, d_pictures.shape
    ((2, 3), (2, 3, 7), (2, 3, 7, 3))

    References
    ----------
    Spoken words and pictures in one space: Harwath et al. 2016. A choice that is an attention: Vinyals et
    al. 2015 (pointer networks).
    """

    sound_dim: int
    context: int
    picture_dim: int
    patches: int
    width: int
    heads: int
    layers: int
    _: KW_ONLY
    activation: str = "gelu"

    def __post_init__(self) -> None:
        admit_sizes(sound_dim=self.sound_dim, context=self.context, picture_dim=self.picture_dim)
        admit_sizes(patches=self.patches, width=self.width, heads=self.heads, layers=self.layers)
        self.parts()

    @cached_property
    def encoder(self) -> TransformerEncoder:
        """The blocks of either encoder."""
        return TransformerEncoder(block(self), self.layers, norm=self.norm_first)

    def parts(self) -> dict[str, Layer]:
        return self._parts

    @cached_property
    def _parts(self) -> dict[str, Any]:
        width, heads = self.width, self.heads
        return {
            "sound_embed": Linear(self.sound_dim, width),
            "sound_positions": Learned(self.context, width),
            "sound": self.encoder,
            "pooling": AttentionPooling(width, heads, attention=self.attention),
            "picture_embed": Linear(self.picture_dim, width),
            "picture_positions": Learned(self.patches, width),
            "picture": self.encoder,
        }

    def forward(
        self,
        params: Params,
        sounds: npt.ArrayLike,
        pictures: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        seed: int | None = None,
    ) -> tuple[Any, SoundPictureMatcherSaved]:
        """Logits (B, pictures), and what `backward` needs.

        sounds: (B, T, sound_dim). pictures: (B, pictures, patches, picture_dim). mask: na.padding(lengths)
        for sounds of different lengths. seed: for dropout, None for none.
        """
        self.check(params)
        sounds, pictures = admit("sounds", sounds, 3), admit("pictures", pictures, 4)
        expected = len(sounds), self.patches, self.picture_dim
        if (len(pictures), *pictures.shape[2:]) != expected:
            raise ValueError(
                f"pictures has shape {pictures.shape}; ({expected[0]}, pictures, {expected[1]}, "
                f"{expected[2]}) beside sounds of shape {sounds.shape} is expected"
            )
        first, last = child_seeds(seed, 2)
        frames, sound = self._encode(params, "sound", sounds, mask=mask, seed=first)
        word, pooling = self._parts["pooling"].forward(params["pooling"], frames, mask=mask)
        each = pictures.reshape(-1, *pictures.shape[2:])
        patches, picture = self._encode(params, "picture", each, seed=last)
        keys = patches.reshape(len(sounds), -1, self.width)
        rows, dot = dot_scores_forward(word[:, None], keys, 1 / math.sqrt(self.width))
        scores = rows.reshape(pictures.shape[:3])
        logits, logsumexp = logsumexp_forward(scores)
        return logits, SoundPictureMatcherSaved(sound, pooling, picture, scores, dot, logsumexp)

    def backward(
        self, d_logits: npt.ArrayLike, saved: SoundPictureMatcherSaved
    ) -> tuple[tuple[Any, Any], Params]:
        """(d_sounds, d_pictures), and d_params: the forward's lines upwards."""
        check_saved(saved, SoundPictureMatcherSaved)
        # logits = logsumexp(scores)
        d_scores = logsumexp_backward(d_logits, saved.logsumexp)
        # scores = word · patches / sqrt(width)
        B, pictures, patches = saved.scores.shape
        d_word, d_keys, *_ = dot_scores_backward(d_scores.reshape(B, 1, -1), saved.dot)
        d_patches = d_keys.reshape(B * pictures, patches, self.width)
        # patches = picture encoder(picture @ weightᵀ + bias + positions)
        d_each, d_picture = self._encode_backward("picture", d_patches, saved.picture)
        d_pictures = d_each.reshape(B, pictures, patches, self.picture_dim)
        # word = attention pooling(frames)
        d_frames, d_pooling = self._parts["pooling"].backward(d_word[:, 0], saved.pooling)
        # frames = sound encoder(sound @ weightᵀ + bias + positions)
        d_sounds, d_sound = self._encode_backward("sound", d_frames, saved.sound)
        return (d_sounds, d_pictures), {**d_sound, "pooling": d_pooling, **d_picture}

    def _encode(self, params: Params, kind: str, x: Array, **options: Any) -> tuple[Any, Any]:
        """Tokens of a sound or of pictures through their encoder."""
        embedded, embed = self._parts[f"{kind}_embed"].forward(params[f"{kind}_embed"], x)
        placed, positions = self._parts[f"{kind}_positions"].forward(params[f"{kind}_positions"], embedded)
        out, encoder = self._parts[kind].forward(params[kind], placed, **options)
        return out, (embed, positions, encoder)

    def _encode_backward(self, kind: str, d_out: Array, saved: Any) -> tuple[Any, Params]:
        """Undo `_encode`."""
        embed, positions, encoder = saved
        d_placed, d_encoder = self._parts[kind].backward(d_out, encoder)
        d_embedded, d_positions = self._parts[f"{kind}_positions"].backward(d_placed, positions)
        d_x, d_embed = self._parts[f"{kind}_embed"].backward(d_embedded, embed)
        return d_x, {f"{kind}_embed": d_embed, f"{kind}_positions": d_positions, kind: d_encoder}
