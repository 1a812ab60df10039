"""Questions about images: patches are put in words, and one transformer reads them with the question's words.

seen      = encoder(x @ weightᵀ + bias + positions)                 patches of an image
readings  = seen @ embeddingᵀ                                       logits of a word for each patch
described = softmax(readings) @ embedding
named     = attention(described, embedding[ids])                    which word of the question names a patch
memory    = norm(described) + named + memory_positions              what is where
mixed     = joint([memory; embedding[ids] + word_positions])        patches and words see each other
logits    = mean of mixed over patches and real words @ embeddingᵀ  the word that answers

One table of words serves patches, questions and answers. `named` has a learned sink, for patches that no word
names.
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.base.admission import Array, admit
from ..functional.base.arrays import common_batch, shape_repr
from ..functional.base.memory import added
from ..functional.masks.builders import padding
from .embedding import Embedding
from .layer import Layer, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import BlockOptions, admit_ids, block
from .multi_head_attention import MultiHeadAttention
from .norms import norm_of
from .parameters import Params, check_saved, summed
from .positions.added import Learned
from .token_pooling import pool_backward, pool_forward
from .transformer_stack import TransformerEncoder


class Answered(NamedTuple):
    """What the model makes of images and questions."""

    logits: Any
    """(B, vocabulary) of the word that answers"""
    readings: Any
    """(B, patches, vocabulary) logits of the word for each patch"""


@shape_repr
class VisualAnswererSaved(NamedTuple):
    """One entry per line of the forward."""

    embed: Any
    positions: Any
    encoder: Any
    readings: Any
    describe: Any
    embedding: Any
    naming: Any
    norm: Any
    memory_positions: Any
    word_positions: Any
    joint: Any
    pooling: Any
    logits: Any

    @property
    def weights(self) -> Array | None:
        """(layers, B, H, patches + T, patches + T) of the joint blocks; None unless by "reference"."""
        weights = [layer.self_attn.weights for layer in self.joint.layers]
        return None if weights[0] is None else np.stack(weights)


def _forward(parts: dict[str, Any], params: Params, name: str, *inputs: Any, **options: Any) -> Any:
    """The forward of the part of that name."""
    return parts[name].forward(params[name], *inputs, **options)


@layer
@dataclass(frozen=True)
class VisualAnswerer(BlockOptions):
    """An image's patches and a question's ids in; logits of the answer out, and of a word for each patch.

    Parameters
    ----------
    input_dim, patches : columns of a patch; patches of an image
    vocabulary, context : number of ids; the most ids of a question
    width, heads, layers : those of the encoder, as in `LanguageModel`
    joint_layers : number of blocks over patches and words
    hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: embed, positions.weight, encoder, naming, norm, memory_positions.weight,
    embedding.weight, word_positions.weight, joint.

    Examples
    --------
    >>> sizes = dict(width=6, heads=2, layers=1, joint_layers=1)
    >>> model = VisualAnswerer(input_dim=5, patches=4, vocabulary=7, context=3, **sizes)
    >>> params = model.init(np.random.default_rng(0))
    >>> x, ids = np.ones((2, 4, 5)), [[1, 2, 3], [4, 0, 0]]
    >>> out, saved = model.forward(params, x, ids, lengths=[3, 1])
    >>> (d_x, _), d_params = model.backward(out, saved)
    >>> out.logits.shape, out.readings.shape, saved.weights.shape, d_x.shape
    ((2, 7), (2, 4, 7), (1, 2, 2, 7, 7), (2, 4, 5))
    """

    input_dim: int
    patches: int
    vocabulary: int
    context: int
    width: int
    heads: int
    layers: int
    joint_layers: int
    _: KW_ONLY
    activation: str = "gelu"

    def __post_init__(self) -> None:
        admit_sizes(input_dim=self.input_dim, patches=self.patches, vocabulary=self.vocabulary)
        admit_sizes(context=self.context, width=self.width, heads=self.heads, layers=self.layers)
        admit_sizes(joint_layers=self.joint_layers)
        self.parts()

    @cached_property
    def encoder(self) -> TransformerEncoder:
        """The blocks over the patches."""
        return TransformerEncoder(block(self), self.layers, norm=self.norm_first)

    @cached_property
    def joint(self) -> TransformerEncoder:
        """The blocks over patches and words."""
        return TransformerEncoder(block(self), self.joint_layers, norm=self.norm_first)

    @cached_property
    def table(self) -> Embedding:
        """The table of words."""
        return Embedding(self.vocabulary, self.width)

    def parts(self) -> dict[str, Layer]:
        return self._parts

    @cached_property
    def _parts(self) -> dict[str, Layer]:
        return {
            "embed": Linear(self.input_dim, self.width),
            "positions": Learned(self.patches, self.width),
            "encoder": self.encoder,
            "naming": MultiHeadAttention(
                self.width, 1, bias=False, sinks=True, scale=1.0, attention=self.attention
            ),
            "norm": norm_of(self.norm, self.width, self.eps, self.bias),
            "memory_positions": Learned(self.patches, self.width),
            "embedding": self.table,
            "word_positions": Learned(self.context, self.width),
            "joint": self.joint,
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters; patches and words meet at first as they stand: scores = described @ wordsᵀ."""
        params = super().init(rng)
        weight = params["naming"]["in_proj_weight"]
        weight[: self.width] = weight[self.width : 2 * self.width] = np.eye(self.width)
        return params

    def forward(
        self,
        params: Params,
        x: npt.ArrayLike,
        ids: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        seed: int | None = None,
    ) -> tuple[Answered, VisualAnswererSaved]:
        """Logits and readings, and what `backward` needs.

        x: (B, patches, input_dim). ids: whole numbers (B, T). lengths (B,): how many of them are real, all if
        None. seed: for dropout, None for none.
        """
        self.check(params)
        x, expected = admit("x", x, 3), (self.patches, self.input_dim)
        if x.shape[-2:] != expected:
            raise ValueError(f"x has shape {x.shape}; (..., {expected[0]}, {expected[1]}) is expected")
        ids = admit_ids("ids", ids, self.vocabulary, self.context)
        common_batch(x=x.shape[:-2], ids=ids.shape[:-1])
        seeds = child_seeds(seed, 2)
        run = partial(_forward, self._parts, params)
        embedded, embed = run("embed", x)
        placed, positions = run("positions", embedded)
        seen, encoder = run("encoder", placed, seed=seeds[0])
        readings, read = self.table.tied_forward(params["embedding"], seen)
        one_head = readings[..., None, :, :], params["embedding"]["weight"][None]
        described, describe = attend_forward(*one_head)
        described = described[..., 0, :, :]
        asked, embedding = run("embedding", ids)
        named, naming = run("naming", described, asked, mask=None if lengths is None else padding(lengths))
        clear, norm = run("norm", described)
        memory, memory_positions = run("memory_positions", added(clear, named))
        ordered, word_positions = run("word_positions", asked)
        both = np.concatenate([memory, ordered], axis=-2)
        mask = None if lengths is None else padding(np.asarray(lengths) + self.patches)
        mixed, joint = run("joint", both, mask=mask, seed=seeds[1])
        pooled, pooling = pool_forward("mean", mixed, mask)
        logits, answer = self.table.tied_forward(params["embedding"], pooled)
        kind = np.result_type(logits, readings)  # complex together, as soon as one of them is
        return Answered(logits.astype(kind), readings.astype(kind)), VisualAnswererSaved(
            embed, positions, encoder, read, describe, embedding, naming, norm, memory_positions,
            word_positions, joint, pooling, answer,
        )  # fmt: skip

    def backward(self, d_out: tuple[Any, Any], saved: VisualAnswererSaved) -> tuple[Any, Params]:
        """(d_x, None), for ids have no gradient, and d_params: the forward's lines upwards."""
        check_saved(saved, VisualAnswererSaved)
        d_logits, d_readings = d_out
        d_params: Params = {}

        def back(name: str, d: Any) -> Any:
            part: Any = self._parts[name]
            d_inputs, d_params[name] = part.backward(d, getattr(saved, name))
            return d_inputs

        d_pooled, d_answer = self.table.tied_backward(d_logits, saved.logits)
        d_both = back("joint", pool_backward(d_pooled, saved.pooling))
        d_memory, d_ordered = d_both[..., : self.patches, :], d_both[..., self.patches :, :]
        d_named = back("memory_positions", d_memory)
        d_described, d_asked, _ = back("naming", d_named)
        back("embedding", added(back("word_positions", d_ordered), d_asked))  # used twice
        d_described = added(d_described, back("norm", d_named))  # used twice
        d_scores, d_words, *_ = attend_backward(d_described[..., None, :, :], saved.describe)
        d_read = added(d_scores[..., 0, :, :], np.asarray(d_readings))
        d_seen, d_reading = self.table.tied_backward(d_read, saved.readings)
        d_x = back("embed", back("positions", back("encoder", d_seen)))
        for d_table in (d_answer, {"weight": d_words[0]}, d_reading):
            d_params["embedding"] = summed(d_params["embedding"], d_table)
        return (d_x, None), {name: d_params[name] for name in self._parts}
