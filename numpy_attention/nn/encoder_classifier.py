"""The encoder of texts, as BERT: every token sees all others; one vector for a text, and its classes.

x      = norm(embedding[ids] + segment + positions)
x      = layer_i(x) for every layer
pooled = x_0, or the mean of the real tokens; tanh(pooler(pooled))
out    = classifier(pooled)
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit, shown
from ..functional.base.arrays import shape_repr, whole_number
from ..functional.layers.activations import tanh_backward, tanh_forward
from ..functional.masks.mask import Mask
from .dropout import thin_backward, thin_forward
from .embedding import Embedding
from .layer import Layer, admit_choice, admit_flags, admit_sizes, child_seeds, either, either_backward, layer
from .linear import Linear
from .model_options import (
    BlockOptions,
    add_positions,
    add_positions_backward,
    admit_ids,
    admit_optional_sizes,
)
from .norms import LayerNorm, RMSNorm, norm_of
from .parameters import Params, check_saved
from .positions.attention_positions import AttentionPositions
from .token_pooling import POOLINGS, pool_backward, pool_forward


@shape_repr
class EncoderClassifierSaved(NamedTuple):
    """One entry per line of the forward; None for a line that the layer does not have."""

    embedding: Any
    segments: Any
    positions: Any
    embedding_norm: Any
    dropout: Any
    stack: Any
    hidden: Array
    """The tokens (B, T, width) after the last block"""
    pooling: Any
    pooler: Any
    classifier: Any


@layer
@dataclass(frozen=True)
class EncoderClassifier(BlockOptions):
    """A transformer encoder with a vector for each text, and classes: BERT's form by default.

    Parameters
    ----------
    vocabulary : number of ids
    width, heads, layers : columns of a token; heads of an attention; number of blocks
    context : the most ids of a text
    classes : number of classes; None for the pooled vector itself
    pooling : "first" token, or "mean" of the real tokens, those that some query may attend to
    pooler : True for tanh(linear(pooled)) before the classes
    segments : number of segments, each with a vector added to its tokens; 0 for none
    embedding_norm : False for no norm of the embeddings
    positions, hidden, activation, norm_first, norm, … : as in `LanguageModel`

    A sentence encoder has pooling="mean", pooler=False, classes=None.

    Parameters of the layer: embedding.weight, segments.weight, positions.weight, embedding_norm, those of a
    `TransformerEncoder` (layers.0, …), pooler, classifier.

    Examples
    --------
    >>> import numpy_attention as na
    >>> model = EncoderClassifier(vocabulary=11, width=8, heads=2, layers=2, context=6, classes=3)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, [[1, 2, 3], [4, 5, 0]], mask=na.padding([3, 2]))
    >>> _, d_params = model.backward(np.ones_like(logits), saved)
    >>> logits.shape, saved.hidden.shape
    ((2, 3), (2, 3, 8))

    References
    ----------
    Devlin et al. 2019 (BERT). Means of tokens: Reimers and Gurevych 2019.
    """

    vocabulary: int
    width: int
    heads: int
    layers: int
    context: int
    _: KW_ONLY
    classes: int | None = None
    pooling: str = "first"
    pooler: bool = True
    segments: int = 2
    embedding_norm: bool = True
    positions: str | AttentionPositions | None = "learned"
    activation: str = "gelu"
    norm_first: bool = False
    eps: float = 1e-12

    def __post_init__(self) -> None:
        admit_sizes(vocabulary=self.vocabulary, layers=self.layers, context=self.context)
        admit_optional_sizes(classes=self.classes)
        if whole_number("segments", self.segments, 0):
            admit_sizes(segments=self.segments)
        admit_choice("pooling", self.pooling, POOLINGS)
        admit_flags(pooler=self.pooler, embedding_norm=self.embedding_norm)
        self.parts()

    @cached_property
    def table(self) -> Embedding:
        """The table of embeddings."""
        return Embedding(self.vocabulary, self.width)

    @cached_property
    def segment_table(self) -> Embedding:
        """The table of segments."""
        return Embedding(self.segments, self.width)

    @cached_property
    def first_norm(self) -> LayerNorm | RMSNorm:
        """The norm of the embeddings."""
        return norm_of(self.norm, self.width, self.eps, self.bias)

    @cached_property
    def dense(self) -> Linear:
        """The linear map of the pooler."""
        return Linear(self.width, self.width)

    @cached_property
    def classifier(self) -> Linear:
        """The linear map to the classes."""
        return Linear(self.width, self.classes or 1)

    def parts(self) -> dict[str, Layer]:
        known: dict[str, Layer | None] = {
            "embedding": self.table,
            "segments": self.segment_table if self.segments else None,
            "positions": self.added,
            "embedding_norm": self.first_norm if self.embedding_norm else None,
            **self.stack.parts(),
            "pooler": self.dense if self.pooler else None,
            "classifier": self.classifier if self.classes else None,
        }
        return {name: part for name, part in known.items() if part is not None}

    def forward(
        self,
        params: Params,
        ids: npt.ArrayLike,
        segments: npt.ArrayLike | None = None,
        *,
        mask: Mask | None = None,
        seed: int | None = None,
    ) -> tuple[Any, EncoderClassifierSaved]:
        """Logits (B, classes), or the pooled vectors (B, width), and what `backward` needs.

        ids: whole numbers (B, T). segments: likewise, which segment each id is of; all of 0 if None. mask:
        na.padding(lengths) for texts of different lengths. seed: for dropout, None for none.
        saved.hidden are the tokens (B, T, width) after the last block.
        """
        self.check(params)
        ids = admit_ids("ids", ids, self.vocabulary, self.context)
        segments = self._admit_segments(segments, ids)
        first, last = child_seeds(seed, 2)
        x, embedding = self.table.forward(params["embedding"], ids)
        x, segment = self._add_segments(params, x, segments)
        x, positions = add_positions(self.added, params, x)
        x, norm = either(self.embedding_norm, self.first_norm, params.get("embedding_norm", {}), x)
        x, dropout = thin_forward(self.dropout, x, first)
        hidden, stack = self.stack.forward(self.of_stack(params), x, mask=mask, seed=last)
        pooled, pooling = pool_forward(self.pooling, hidden, mask)
        pooled, pooler = self._pooler_forward(params, pooled)
        out, classifier = either(
            self.classes is not None, self.classifier, params.get("classifier", {}), pooled
        )
        return out, EncoderClassifierSaved(
            embedding, segment, positions, norm, dropout, stack, hidden, pooling, pooler, classifier
        )

    def backward(self, d_out: npt.ArrayLike, saved: EncoderClassifierSaved) -> tuple[None, Params]:
        """None, for ids have no gradient, and d_params: the forward's lines upwards."""
        check_saved(saved, EncoderClassifierSaved)
        # out = classifier(pooler(pool(hidden)))
        d_pooled, d_classifier = either_backward(self.classifier, admit("d_out", d_out), saved.classifier)
        d_pooled, d_pooler = self._pooler_backward(d_pooled, saved.pooler)
        d_hidden = pool_backward(d_pooled, saved.pooling)
        # hidden = layers(dropout(norm(x)))
        d_x, d_stack = self.stack.backward(d_hidden, saved.stack)
        d_x = thin_backward(d_x, saved.dropout)
        d_x, d_norm = either_backward(self.first_norm, d_x, saved.embedding_norm)
        # x = embedding[ids] + segment + positions
        d_x, d_positions = add_positions_backward(self.added, d_x, saved.positions)
        _, d_embedding = self.table.backward(d_x, saved.embedding)
        d_segments = self.segment_table.backward(d_x, saved.segments)[1] if self.segments else {}
        own = {
            "embedding": d_embedding, "segments": d_segments, **d_positions, "embedding_norm": d_norm,
            **d_stack, "pooler": d_pooler, "classifier": d_classifier,
        }  # fmt: skip
        return None, {name: d for name, d in own.items() if d}

    def _admit_segments(self, segments: npt.ArrayLike | None, ids: Array) -> Array:
        if segments is None:
            return np.zeros(ids.shape, np.int64)
        if not self.segments:
            raise TypeError(f"segments is {shown(segments)}; None is expected, for the model has no segments")
        array = admit_ids("segments", segments, self.segments, self.context, "number of segments")
        if array.shape != ids.shape:
            raise ValueError(f"segments has shape {array.shape}; that of ids, {ids.shape}, is expected")
        return array

    def _add_segments(self, params: Params, x: Array, segments: Array) -> tuple[Array, Any]:
        """x with the vector of each token's segment."""
        if not self.segments:
            return x, None
        rows, saved = self.segment_table.forward(params["segments"], segments)
        return x + rows, saved

    def _pooler_forward(self, params: Params, pooled: Array) -> tuple[Array, Any]:
        """tanh(linear(pooled))."""
        if not self.pooler:
            return pooled, None
        linear, saved = self.dense.forward(params["pooler"], pooled)
        out, saved_tanh = tanh_forward(linear)
        return out, (saved, saved_tanh)

    def _pooler_backward(self, d_out: Array, saved: Any) -> tuple[Array, Params]:
        """Undo tanh(linear(pooled))."""
        return (d_out, {}) if saved is None else self.dense.backward(tanh_backward(d_out, saved[1]), saved[0])
