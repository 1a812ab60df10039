"""Encoder and decoder, from one sequence to another: the first transformer.

memory = encoder(embedding[source] + positions)      or encoder(source @ weightᵀ + bias + positions)
x      = decoder(embedding[target] + positions, memory), causal
logits = x @ embeddingᵀ                              tied; or x @ headᵀ
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import Array, admit
from ..functional.base.arrays import common_batch, shape_repr
from ..functional.masks.mask import Mask
from .dropout import thin_backward, thin_forward
from .embedding import Embedding
from .kv_cache import ModelCache, admit_cache
from .layer import Layer, admit_flags, admit_sizes, admit_width, child_seeds, layer
from .linear import Linear
from .model_options import (
    BlockOptions,
    add_positions,
    add_positions_backward,
    admit_ids,
    admit_optional_sizes,
    causal_mask,
    decoder_block,
    inside_positions,
    upcoming_positions,
)
from .parameters import Params, check_saved, summed
from .positions.attention_positions import AttentionPositions
from .transformer_stack import TransformerDecoder, TransformerEncoder


@shape_repr
class EncodeSaved(NamedTuple):
    """One entry per line of `encode`."""

    read: Any
    positions: Any
    dropout: Any
    encoder: Any


@shape_repr
class DecodeSaved(NamedTuple):
    """One entry per line of `decode`."""

    embedding: Any
    positions: Any
    dropout: Any
    decoder: Any
    head: Any
    cached: bool


@shape_repr
class Seq2SeqSaved(NamedTuple):
    """What `encode` and `decode` saved."""

    encode: EncodeSaved
    decode: DecodeSaved


@layer
@dataclass(frozen=True)
class Seq2Seq(BlockOptions):
    """An encoder of a source, and a decoder that attends to it: the form of Vaswani et al. by default.

    Parameters
    ----------
    vocabulary : number of ids of source and target, which share one table of embeddings
    width, heads, layers : columns of a token; heads of an attention; number of blocks of the encoder
    context : the most ids of a sequence
    decoder_layers : number of blocks of the decoder, as of the encoder if None
    target_vocabulary : number of ids of the target, if it has a table of its own; None: one table for both
    source_width : columns of a source of numbers (B, S, source_width), such as frames of a sound, which a
        linear map reads instead of the table; None: a source of ids
    positions : as in `LanguageModel`; added ones are shared by source and target
    tied : True for the target's table as output too; False for a matrix of its own
    hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: source.weight and .bias where there is a source_width, embedding.weight,
    target_embedding.weight, positions.weight, encoder.…, decoder.… as in PyTorch's nn.Transformer
    (encoder.layers.0.self_attn.in_proj_weight), head.weight unless tied.

    Examples
    --------
    >>> import numpy as np
    >>> import numpy_attention as na
    >>> model = Seq2Seq(vocabulary=11, width=8, heads=2, layers=2, context=6)
    >>> params = model.init(np.random.default_rng(0))
    >>> source, target, real = [[1, 2, 3], [4, 5, 0]], [[1, 2, 3, 4], [1, 5, 6, 7]], na.padding([3, 2])
    >>> logits, saved = model.forward(params, source, target, source_mask=real)
    >>> _, d_params = model.backward(np.ones_like(logits), saved)
    >>> logits.shape, list(d_params)
    ((2, 4, 11), ['embedding', 'encoder', 'decoder'])

    One id at a time, with a cache:

    >>> memory, _ = model.encode(params, source, mask=real)
    >>> cache = model.cache()
    >>> step, _ = model.decode(params, [[1], [1]], memory, memory_mask=real, cache=cache)
    >>> np.allclose(step[:, 0], logits[:, 0], rtol=0, atol=1e-12)
    True

    References
    ----------
    Vaswani et al. 2017, section 3.
    """

    vocabulary: int
    width: int
    heads: int
    layers: int
    context: int
    _: KW_ONLY
    decoder_layers: int | None = None
    target_vocabulary: int | None = None
    source_width: int | None = None
    positions: str | AttentionPositions | None = "sinusoidal"
    tied: bool = True
    activation: str = "relu"
    norm_first: bool = False

    def __post_init__(self) -> None:
        admit_sizes(vocabulary=self.vocabulary, layers=self.layers, context=self.context)
        admit_optional_sizes(
            decoder_layers=self.decoder_layers,
            target_vocabulary=self.target_vocabulary,
            source_width=self.source_width,
        )
        if self.source_width and self.target_vocabulary:
            raise ValueError(
                f"target_vocabulary is {self.target_vocabulary}; None is expected with a source_width: "
                "the vocabulary is the target's"
            )
        admit_flags(tied=self.tied)
        self.parts()

    @property
    def target_ids(self) -> int:
        """Number of ids of the target."""
        return self.target_vocabulary or self.vocabulary

    @property
    def target_name(self) -> str:
        """The name of the parameters of the target's table."""
        return "target_embedding" if self.target_vocabulary else "embedding"

    @cached_property
    def embedding(self) -> Embedding:
        """The table of the source's embeddings, or of the target's if the source is of numbers."""
        return Embedding(self.vocabulary, self.width)

    @property
    def source_name(self) -> str:
        """The name of the parameters that read the source."""
        return "source" if self.source_width else "embedding"

    @cached_property
    def reader(self) -> Linear | Embedding:
        """What reads the source."""
        return Linear(self.source_width, self.width) if self.source_width else self.embedding

    @cached_property
    def target_embedding(self) -> Embedding:
        """The table of the target's embeddings."""
        return Embedding(self.target_ids, self.width)

    @property
    def encoder(self) -> TransformerEncoder:
        """The blocks that read the source."""
        return self.stack

    @cached_property
    def decoder(self) -> TransformerDecoder:
        """The blocks that write the target."""
        inner = decoder_block(self, positions=inside_positions(self.positions))
        return TransformerDecoder(inner, self.decoder_layers or self.layers, norm=self.norm_first)

    @cached_property
    def head(self) -> Linear:
        """The output layer, where it is not the table of embeddings."""
        return Linear(self.width, self.target_ids, bias=False)

    def parts(self) -> dict[str, Layer]:
        target: dict[str, Layer] = (
            {"target_embedding": self.target_embedding} if self.target_vocabulary else {}
        )
        positions: dict[str, Layer] = {"positions": self.added} if self.added else {}
        head: dict[str, Layer] = {} if self.tied else {"head": self.head}
        stacks: dict[str, Layer] = {"encoder": self.encoder, "decoder": self.decoder}
        tables: dict[str, Layer] = {self.source_name: self.reader, "embedding": self.embedding}
        return {**tables, **target, **positions, **stacks, **head}

    def cache(self, capacity: int | None = None, *, sliding: bool = False) -> ModelCache:
        """An empty cache for `decode`: one `KVCache` for each block, for `context` tokens if None."""
        blocks = self.decoder_layers or self.layers
        return ModelCache(blocks, self.context if capacity is None else capacity, sliding=sliding)

    def encode(
        self, params: Params, source: npt.ArrayLike, *, mask: Mask | None = None, seed: int | None = None
    ) -> tuple[Any, EncodeSaved]:
        """The memory (B, S, width) of the source (B, S) or (B, S, source_width), and what backward needs."""
        self.check(params)
        first, last = child_seeds(seed, 2)
        x, read = self.reader.forward(params[self.source_name], self._admit_source(source))
        x, positions = add_positions(self.added, params, x)
        x, dropout = thin_forward(self.dropout, x, first)
        memory, encoder = self.encoder.forward(params["encoder"], x, mask=mask, seed=last)
        return memory, EncodeSaved(read, positions, dropout, encoder)

    def encode_backward(self, d_memory: Array, saved: EncodeSaved) -> tuple[Any, Params]:
        """Undo `encode`: d_source, None for ids, and d_params."""
        check_saved(saved, EncodeSaved)
        d_x, d_encoder = self.encoder.backward(d_memory, saved.encoder)
        d_x = thin_backward(d_x, saved.dropout)
        d_x, d_positions = add_positions_backward(self.added, d_x, saved.positions)
        d_source, d_read = self.reader.backward(d_x, saved.read)
        return d_source, {self.source_name: d_read, **d_positions, "encoder": d_encoder}

    def decode(
        self,
        params: Params,
        target: npt.ArrayLike,
        memory: npt.ArrayLike,
        *,
        mask: Mask | None = None,
        memory_mask: Mask | None = None,
        seed: int | None = None,
        cache: ModelCache | None = None,
    ) -> tuple[Any, DecodeSaved]:
        """Logits (B, T, target ids) of the ids that follow the target (B, T), and what its backward needs.

        memory: from `encode`, with the mask of its source. mask: what is hidden besides later ids. cache:
        from `cache`; the ids follow those that it has seen. What was saved with one has no backward.
        """
        self.check(params)
        ids = admit_ids("target", target, self.target_ids, self.context)
        cache = admit_cache(cache, self.decoder.layers, ids.shape[-1])
        visible = causal_mask(mask, cache, ids.shape[-1])
        places = upcoming_positions(self.added, cache, ids.shape[-1])
        first, last = child_seeds(seed, 2)
        x, embedding = self.target_embedding.forward(params[self.target_name], ids)
        x, positions = add_positions(self.added, params, x, places)
        x, dropout = thin_forward(self.dropout, x, first)
        x, decoder = self.decoder.forward(
            params["decoder"], x, memory, mask=visible, memory_mask=memory_mask, seed=last, cache=cache
        )
        logits, head = self._output(params, x)
        return logits, DecodeSaved(embedding, positions, dropout, decoder, head, cache is not None)

    def decode_backward(self, d_logits: npt.ArrayLike, saved: DecodeSaved) -> tuple[Any, Params]:
        """Undo `decode`: d_memory, and d_params."""
        check_saved(saved, DecodeSaved)
        if saved.cached:
            raise TypeError(
                f"saved is {type(saved).__name__} of a forward with a cache; one without a cache is expected"
            )
        d_x, d_output = self._output_backward(d_logits, saved.head)
        (d_x, d_memory), d_decoder = self.decoder.backward(d_x, saved.decoder)
        d_x = thin_backward(d_x, saved.dropout)
        d_x, d_positions = add_positions_backward(self.added, d_x, saved.positions)
        _, d_embedding = self.target_embedding.backward(d_x, saved.embedding)
        if self.tied:
            d_embedding, d_output = summed(d_embedding, d_output), {}
        head = {"head": d_output} if d_output else {}
        return d_memory, {self.target_name: d_embedding, **d_positions, "decoder": d_decoder, **head}

    def forward(
        self,
        params: Params,
        source: npt.ArrayLike,
        target: npt.ArrayLike,
        *,
        source_mask: Mask | None = None,
        target_mask: Mask | None = None,
        seed: int | None = None,
    ) -> tuple[Any, Seq2SeqSaved]:
        """Logits (B, T, target ids) of the ids that follow the target, and what `backward` needs.

        source: whole numbers (B, S), or numbers (B, S, source_width); target: whole numbers (B, T).
        source_mask: what is hidden of the source, from encoder and decoder, e.g. na.padding(lengths).
        target_mask: what is hidden besides later ids.
        """
        source = self._admit_source(source)
        target = admit_ids("target", target, self.target_ids, self.context)
        common_batch(source=source.shape[: -2 if self.source_width else -1], target=target.shape[:-1])
        first, last = child_seeds(seed, 2)
        memory, encode = self.encode(params, source, mask=source_mask, seed=first)
        logits, decode = self.decode(
            params, target, memory, mask=target_mask, memory_mask=source_mask, seed=last
        )
        return logits, Seq2SeqSaved(encode, decode)

    def backward(self, d_logits: npt.ArrayLike, saved: Seq2SeqSaved) -> tuple[Any, Params]:
        """d_source, None for ids, and d_params. What source and target share has both gradients."""
        check_saved(saved, Seq2SeqSaved)
        d_memory, d_of_decode = self.decode_backward(d_logits, saved.decode)
        d_source, d_of_encode = self.encode_backward(d_memory, saved.encode)
        return d_source, summed(d_of_encode, d_of_decode, self.expected_shapes)

    def _admit_source(self, source: npt.ArrayLike) -> Array:
        if self.source_width is None:
            return admit_ids("source", source, self.vocabulary, self.context)
        array: Array = admit_width("source", admit("source", source, 2), self.source_width)
        if array.shape[-2] > self.context:
            raise ValueError(
                f"source has length {array.shape[-2]}; at most {self.context}, the context, is expected"
            )
        return array

    def _output(self, params: Params, x: Array) -> tuple[Any, Any]:
        if self.tied:
            return self.target_embedding.tied_forward(params[self.target_name], x)
        return self.head.forward(params["head"], x)

    def _output_backward(self, d_logits: npt.ArrayLike, saved: Any) -> tuple[Any, Params]:
        if self.tied:
            return self.target_embedding.tied_backward(d_logits, saved)
        return self.head.backward(d_logits, saved)
