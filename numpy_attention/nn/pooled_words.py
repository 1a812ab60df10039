"""Embeddings of a text's symbols, pooled by attention, and the classes of their weighted sum.

x       = embedding[ids]                       (B, T, width)
scores  = x @ scoreᵀ                           (B, heads, T)
pooled  = softmax(scores) @ x over the symbols of the text, joined: (B, heads * width)
logits  = thin(pooled) @ classifierᵀ + bias    (B, classes)

There are no positions: like naive Bayes, it knows which symbols a text has, and not their order.
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.base.admission import Array
from ..functional.base.arrays import shape_repr
from ..functional.masks.mask import Mask
from .attention_step import Intervention, steps_of
from .dropout import thin_backward, thin_forward
from .embedding import Embedding
from .layer import MOST, Layer, admit_rate, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import admit_ids
from .parameters import Params, check_saved


@shape_repr
class PooledWordsSaved(NamedTuple):
    """One entry per line of the forward."""

    embedding: Any
    score: Any
    attend: Any
    thinned: Any
    classifier: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, heads, T)."""
        weights: Array = self.attend.weights
        return weights[:, :, 0]


@layer
@dataclass(frozen=True)
class PooledWords(Layer):
    """Ids in, logits out; see the equations above.

    Parameters
    ----------
    vocabulary, width, heads, classes : number of ids; columns of a symbol; weighted sums; classes
    uniform : True for equal weights: the mean of the embeddings, with a gradient of 0 for the scores
    dropout : rate, of the weighted sums
    attention : an intervention, such as nn.Watch; or None

    Examples
    --------
    >>> import numpy_attention as na
    >>> model = PooledWords(vocabulary=11, width=5, heads=2, classes=3)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, [[1, 2, 3], [4, 5, 0]], mask=na.padding([3, 2]))
    >>> logits.shape, saved.weights.shape
    ((2, 3), (2, 2, 3))
    """

    vocabulary: int
    width: int
    heads: int
    classes: int
    _: KW_ONLY
    uniform: bool = False
    dropout: float = 0.0
    attention: Intervention | None = None

    def __post_init__(self) -> None:
        admit_sizes(vocabulary=self.vocabulary, width=self.width, heads=self.heads, classes=self.classes)
        admit_rate("dropout", self.dropout)

    @cached_property
    def table(self) -> Embedding:
        """The table of embeddings."""
        return Embedding(self.vocabulary, self.width)

    @cached_property
    def score(self) -> Linear:
        """A score for each head."""
        return Linear(self.width, self.heads, bias=False)

    @cached_property
    def classifier(self) -> Linear:
        """The linear map to the classes."""
        return Linear(self.heads * self.width, self.classes)

    def parts(self) -> dict[str, Layer]:
        return {"embedding": self.table, "score": self.score, "classifier": self.classifier}

    def own_heads(self) -> list[dict[str, Any]]:
        columns = [slice(head * self.width, (head + 1) * self.width) for head in range(self.heads)]
        return [
            {"score.weight": head, "classifier.weight": (slice(None), own)}
            for head, own in enumerate(columns)
        ]

    def forward(
        self, params: Params, ids: npt.ArrayLike, *, mask: Mask | None = None, seed: int | None = None
    ) -> tuple[Any, PooledWordsSaved]:
        """Logits (B, classes) of ids (B, T), and what `backward` needs; na.padding(lengths) is a mask."""
        self.check(params)
        ids = admit_ids("ids", ids, self.vocabulary, MOST)
        if ids.ndim != 2:
            raise ValueError(f"ids has shape {ids.shape}; (B, T) is expected")
        (own_seed,) = child_seeds(seed, 1)
        x, embedding = self.table.forward(params["embedding"], ids)
        scores, score = self.score.forward(params["score"], x)  # (B, T, heads)
        scores = np.zeros_like(scores) if self.uniform else scores
        scores = np.swapaxes(scores, -1, -2)[:, :, None]  # (B, heads, 1, T)
        steps = steps_of(self.attention, params)
        pooled, attended = attend_forward(scores, x[:, None], mask=mask, steps=steps)  # (B, heads, 1, width)
        joined = pooled.reshape(len(x), -1)
        joined, thinned = thin_forward(self.dropout, joined, own_seed)
        logits, classifier = self.classifier.forward(params["classifier"], joined)
        return logits, PooledWordsSaved(embedding, score, attended, thinned, classifier)

    def backward(self, d_logits: npt.ArrayLike, saved: PooledWordsSaved) -> tuple[None, Params]:
        """None, for ids have no gradient, and d_params: the forward's lines upwards."""
        check_saved(saved, PooledWordsSaved)
        d_joined, d_classifier = self.classifier.backward(d_logits, saved.classifier)
        d_joined = thin_backward(d_joined, saved.thinned)
        d_pooled = d_joined.reshape(len(d_joined), self.heads, 1, self.width)
        d_scores, d_x, *_ = attend_backward(d_pooled, saved.attend)
        d_scores = np.zeros_like(d_scores) if self.uniform else d_scores
        d_x_scored, d_score = self.score.backward(np.swapaxes(d_scores[:, :, 0], -1, -2), saved.score)
        _, d_embedding = self.table.backward(d_x[:, 0] + d_x_scored, saved.embedding)  # used twice
        return None, {"embedding": d_embedding, "score": d_score, "classifier": d_classifier}
