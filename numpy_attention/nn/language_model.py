"""The language model: from ids to logits of the next id, each position seeing only itself and earlier ones.

x      = embedding[ids] + positions                        "learned", as in GPT-2; others act inside
x      = layer_i(x), causal, for every layer; x = norm(x)
logits = x @ embeddingᵀ                                     tied; or x @ headᵀ
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import Array
from ..functional.base.arrays import shape_repr
from ..functional.masks.mask import Mask
from .dropout import thin_backward, thin_forward
from .embedding import Embedding
from .kv_cache import ModelCache, admit_cache
from .layer import Layer, admit_flags, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import (
    BlockOptions,
    add_positions,
    add_positions_backward,
    admit_ids,
    causal_mask,
    upcoming_positions,
)
from .parameters import Params, check_saved, summed
from .positions.attention_positions import AttentionPositions


@shape_repr
class LanguageModelSaved(NamedTuple):
    """One entry per line of the forward; None for positions that are not added."""

    embedding: Any
    positions: Any
    dropout: Any
    stack: Any
    head: Any
    cached: bool


@layer
@dataclass(frozen=True)
class LanguageModel(BlockOptions):
    """A decoder-only transformer: GPT-2's form by default, Llama's and others by options.

    Parameters
    ----------
    vocabulary : number of ids
    width, heads, layers : columns of a token; heads of an attention; number of blocks
    context : the most ids of a sequence
    positions : "learned" or "sinusoidal", added to the embeddings; nn.Rotary(…), nn.ALiBi(heads) or
        another, inside every attention; or None
    tied : True for the table of embeddings as output too; False for a matrix of its own
    hidden : columns inside a feed-forward layer, 4 width if None
    activation, norm_first, norm, eps, bias, dropout, kv_heads, head_width, query_key_norm, gate, sinks,
        softcap, attention, normaliser, temperature, span : as in `TransformerEncoderLayer`; dropout acts on
        the embeddings too

    Llama's form: LanguageModel(…, positions=nn.Rotary(layout="halves"), norm="rms", activation="swiglu",
    kv_heads=…, hidden=…, bias=False, tied=False).

    Parameters of the layer: embedding.weight, positions.weight, those of a `TransformerEncoder` (layers.0, …,
    norm), and head.weight unless tied.

    Examples
    --------
    >>> import numpy as np
    >>> model = LanguageModel(vocabulary=11, width=8, heads=2, layers=2, context=6)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, [[1, 2, 3, 4]])
    >>> _, d_params = model.backward(np.ones_like(logits), saved)
    >>> logits.shape, list(d_params)
    ((1, 4, 11), ['embedding', 'positions', 'layers', 'norm'])

    One id at a time, with a cache:

    >>> cache = model.cache()
    >>> steps = [model.forward(params, [[id]], cache=cache)[0] for id in (1, 2, 3, 4)]
    >>> np.allclose(np.concatenate(steps, axis=1), logits, rtol=0, atol=1e-12)
    True

    References
    ----------
    Radford et al. 2019 (GPT-2); Touvron et al. 2023 (Llama).
    """

    vocabulary: int
    width: int
    heads: int
    layers: int
    context: int
    _: KW_ONLY
    positions: str | AttentionPositions | None = "learned"
    tied: bool = True

    def __post_init__(self) -> None:
        admit_sizes(vocabulary=self.vocabulary, layers=self.layers, context=self.context)
        admit_flags(tied=self.tied)
        self.parts()

    @cached_property
    def embedding(self) -> Embedding:
        """The table of embeddings."""
        return Embedding(self.vocabulary, self.width)

    @cached_property
    def head(self) -> Linear:
        """The output layer, where it is not the table of embeddings."""
        return Linear(self.width, self.vocabulary, bias=False)

    def parts(self) -> dict[str, Layer]:
        positions: dict[str, Layer] = {"positions": self.added} if self.added else {}
        head: dict[str, Layer] = {} if self.tied else {"head": self.head}
        return {"embedding": self.embedding, **positions, **self.stack.parts(), **head}

    def cache(self, capacity: int | None = None, *, sliding: bool = False) -> ModelCache:
        """An empty cache for `forward`: one `KVCache` for each layer, for `context` tokens if None."""
        return ModelCache(self.layers, self.context if capacity is None else capacity, sliding=sliding)

    def forward(
        self,
        params: Params,
        ids: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        seed: int | None = None,
        cache: ModelCache | None = None,
    ) -> tuple[Any, LanguageModelSaved]:
        """Logits (B, T, vocabulary) of the ids that follow, and what `backward` needs.

        Parameters
        ----------
        params : as `init` returns them
        ids : whole numbers (B, T), less than vocabulary, T at most the context
        mask : what is hidden besides later ids, e.g. na.padding(lengths) or na.segments; with a cache, of
            (B, heads, T, keys in it and T)
        seed : a whole number, another for each step of training; None for no dropout
        cache : from `cache`; the ids follow those that it has seen, and are appended. What was saved has no
            backward

        Raises
        ------
        TypeError, ValueError
            If a parameter is missing, unknown or has another shape, an id is out of range, a sequence longer
            than the context or the room in the cache, or mask or cache does not fit.
        """
        self.check(params)
        ids = admit_ids("ids", ids, self.vocabulary, self.context)
        cache = admit_cache(cache, self.layers, ids.shape[-1])
        visible = causal_mask(mask, cache, ids.shape[-1])
        places = upcoming_positions(self.added, cache, ids.shape[-1])
        first, last = child_seeds(seed, 2)
        embedded, embedding = self.embedding.forward(params["embedding"], ids)
        placed, positions = add_positions(self.added, params, embedded, places)
        x, dropout = thin_forward(self.dropout, placed, first)
        x, stack = self.stack.forward(self.of_stack(params), x, mask=visible, seed=last, cache=cache)
        logits, head = self._output(params, x)
        return logits, LanguageModelSaved(embedding, positions, dropout, stack, head, cache is not None)

    def backward(self, d_logits: npt.ArrayLike, saved: LanguageModelSaved) -> tuple[None, Params]:
        """None, for ids have no gradient, and d_params: the forward's lines upwards."""
        check_saved(saved, LanguageModelSaved)
        if saved.cached:
            raise TypeError(
                f"saved is {type(saved).__name__} of a forward with a cache; one without a cache is expected"
            )
        # logits = x @ embeddingᵀ
        d_x, d_output = self._output_backward(d_logits, saved.head)
        # x = norm(layers(dropout(embedded + positions)))
        d_x, d_stack = self.stack.backward(d_x, saved.stack)
        d_placed = thin_backward(d_x, saved.dropout)
        d_embedded, d_positions = add_positions_backward(self.added, d_placed, saved.positions)
        # embedded = embedding[ids]
        _, d_embedding = self.embedding.backward(d_embedded, saved.embedding)
        if self.tied:
            d_embedding, d_output = summed(d_embedding, d_output), {}
        head = {"head": d_output} if d_output else {}
        return None, {"embedding": d_embedding, **d_positions, **d_stack, **head}

    def _output(self, params: Params, x: Array) -> tuple[Any, Any]:
        if self.tied:
            return self.embedding.tied_forward(params["embedding"], x)
        return self.head.forward(params["head"], x)

    def _output_backward(self, d_logits: npt.ArrayLike, saved: Any) -> tuple[Any, Params]:
        if self.tied:
            return self.embedding.tied_backward(d_logits, saved)
        return self.head.backward(d_logits, saved)
