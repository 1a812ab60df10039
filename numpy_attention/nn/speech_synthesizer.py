"""Speech from symbols: an encoder of symbols, attention by durations, a decoder of spectrum frames.

memory    = encoder(embedding[symbols] + Σ condition[conditions] + positions)
durations = softplus(memory @ weightᵀ + bias)                 frames of each symbol
centres   = cumsum(durations) - durations / 2
scores    = -sharpness * (t + 1/2 - centres)²                 of frame t for every symbol
attended  = softmax(scores) @ memory
frames    = decoder(attended + positions) @ weightᵀ + bias
"""

import math
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.base.admission import Array, admit, real_number, whole_numbers
from ..functional.base.arrays import common_batch, shape_repr
from ..functional.base.memory import added
from ..functional.layers.smooth import softplus_backward, softplus_forward
from ..functional.masks.builders import padding, visible, window
from .attention_step import steps_of
from .embedding import Embedding
from .layer import Layer, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import BlockOptions, admit_ids, admit_optional_sizes, block
from .parameters import Params, check_saved
from .positions.added import Sinusoidal
from .transformer_stack import TransformerEncoder


class Synthesized(NamedTuple):
    """What the synthesizer returns."""

    frames: Any
    """(B, T, bands)"""
    durations: Any
    """(B, S): how many frames each symbol lasts, 0 where it is none"""


@shape_repr
class SpeechEncodeSaved(NamedTuple):
    """One entry per line of `encode`."""

    embedding: Any
    condition: Any
    positions: Any
    encoder: Any
    duration: Any
    softplus: Any
    real: Any
    """True (B, S) for a symbol"""


@shape_repr
class SpeechDecodeSaved(NamedTuple):
    """One entry per line of `decode`."""

    distances: Any
    """t + 1/2 - centres (B, T, S)"""
    attend: Any
    positions: Any
    decoder: Any
    head: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, T, S)."""
        weights: Array = self.attend.weights
        return weights[..., 0, :, :]


@shape_repr
class SpeechSaved(NamedTuple):
    """What `encode` and `decode` saved."""

    encode: SpeechEncodeSaved
    decode: SpeechDecodeSaved


@layer
@dataclass(frozen=True)
class SpeechSynthesizer(BlockOptions):
    """Symbols in; frames of a spectrum out, and how many of them each symbol lasts.

    Parameters
    ----------
    symbols : number of symbols, such as the sounds of a language
    conditions : rows of a second table, whose chosen rows are added to every symbol: who speaks, and how
    width, heads, layers : columns of a symbol and of a frame; heads; blocks of the encoder and of the decoder
    context : the most symbols of a sequence
    bands : columns of a frame
    sharpness : a positive number; the larger, the nearer a frame's attention is to one symbol alone
    reach : how many frames on each side a frame of the decoder attends to; all if None
    hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: embedding, condition, encoder, duration, decoder, head.

    Examples
    --------
    >>> model = SpeechSynthesizer(symbols=7, conditions=3, width=6, heads=2, layers=1, context=5, bands=4)
    >>> params = model.init(np.random.default_rng(0))
    >>> symbols, voices = [[1, 6, 2], [5, 0, 0]], [[0], [2]]
    >>> (frames, durations), saved = model.forward(params, symbols, voices, 11, lengths=[3, 1])
    >>> _, d_params = model.backward((np.ones_like(frames), durations), saved)
    >>> frames.shape, durations.shape
    ((2, 11, 4), (2, 3))

    How many frames a sequence needs is known after `encode`:

    >>> (memory, durations), _ = model.encode(params, [[1, 6, 2]], [[0]])
    >>> frames, _ = model.decode(params, memory, durations, round(float(durations.sum())))

    References
    ----------
    Scores by distance from centres that learned durations add up to: Donahue et al. 2021, equations 1 and 2.
    """

    symbols: int
    conditions: int
    width: int
    heads: int
    layers: int
    context: int
    bands: int
    _: KW_ONLY
    sharpness: float = 0.2
    reach: int | None = None
    activation: str = "gelu_tanh"

    def __post_init__(self) -> None:
        admit_sizes(symbols=self.symbols, conditions=self.conditions, width=self.width, heads=self.heads)
        admit_sizes(layers=self.layers, context=self.context, bands=self.bands)
        admit_optional_sizes(reach=self.reach)
        if real_number("sharpness", self.sharpness) <= 0:
            raise ValueError(f"sharpness is {self.sharpness}; a positive number is expected")
        self.parts()

    @cached_property
    def embedding(self) -> Embedding:
        """The table of symbols."""
        return Embedding(self.symbols, self.width)

    @cached_property
    def condition(self) -> Embedding:
        """The table of conditions."""
        return Embedding(self.conditions, self.width)

    @cached_property
    def positions(self) -> Sinusoidal:
        """The positions of symbols, and of frames."""
        return Sinusoidal(self.width)

    @cached_property
    def blocks(self) -> TransformerEncoder:
        """Blocks, and a last norm where each begins with one; those of the encoder, and of the decoder."""
        return TransformerEncoder(block(self), self.layers, norm=self.norm_first)

    @cached_property
    def duration(self) -> Linear:
        """The output layer of durations."""
        return Linear(self.width, 1)

    @cached_property
    def head(self) -> Linear:
        """The output layer of frames."""
        return Linear(self.width, self.bands)

    def parts(self) -> dict[str, Layer]:
        return {
            "embedding": self.embedding,
            "condition": self.condition,
            "encoder": self.blocks,
            "duration": self.duration,
            "decoder": self.blocks,
            "head": self.head,
        }

    def encode(
        self,
        params: Params,
        symbols: npt.ArrayLike,
        conditions: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        seed: int | None = None,
    ) -> tuple[tuple[Any, Any], SpeechEncodeSaved]:
        """The memory (B, S, width) and the durations (B, S) of symbols (B, S), and what `backward` needs.

        conditions: whole numbers (B, K). lengths (B,): how many symbols are real; all if None.
        """
        self.check(params)
        ids = admit_ids("symbols", symbols, self.symbols, self.context, "symbols of the model")
        real = real_places(lengths, ids.shape)
        who = admit_ids("conditions", conditions, self.conditions, math.inf, "conditions of the model")
        common_batch(symbols=ids.shape[:-1], conditions=who.shape[:-1])
        x, embedding = self.embedding.forward(params["embedding"], ids)
        rows, condition = self.condition.forward(params["condition"], who)
        x, positions = self.positions.forward({}, x + rows.sum(axis=-2, keepdims=True))
        mask = None if lengths is None else padding(lengths)
        memory, encoder = self.blocks.forward(params["encoder"], x, mask=mask, seed=seed)
        raw, duration = self.duration.forward(params["duration"], memory)
        durations, softplus = softplus_forward(raw[..., 0])
        saved = SpeechEncodeSaved(embedding, condition, positions, encoder, duration, softplus, real)
        return (memory, np.where(real, durations, 0)), saved

    def encode_backward(self, d_out: tuple[Any, Any], saved: SpeechEncodeSaved) -> tuple[None, Params]:
        """Undo `encode`, from the gradients of memory and durations."""
        check_saved(saved, SpeechEncodeSaved)
        d_memory, d_durations = d_out
        d_raw = softplus_backward(np.where(saved.real, d_durations, 0), saved.softplus)
        d_own, d_duration = self.duration.backward(d_raw[..., None], saved.duration)
        d_x, d_encoder = self.blocks.backward(added(d_memory, d_own), saved.encoder)
        d_x, _ = self.positions.backward(d_x, saved.positions)
        rows = saved.condition.indices.shape[-1]
        d_rows = np.repeat(d_x.sum(axis=-2, keepdims=True), rows, axis=-2)
        _, d_condition = self.condition.backward(d_rows, saved.condition)
        _, d_embedding = self.embedding.backward(d_x, saved.embedding)
        return None, {
            "embedding": d_embedding,
            "condition": d_condition,
            "encoder": d_encoder,
            "duration": d_duration,
        }

    def decode(
        self,
        params: Params,
        memory: npt.ArrayLike,
        durations: npt.ArrayLike,
        count: int,
        *,
        lengths: npt.ArrayLike | None = None,
        counts: npt.ArrayLike | None = None,
        seed: int | None = None,
    ) -> tuple[Any, SpeechDecodeSaved]:
        """Frames (B, count, bands) from memory and durations of `encode`, and what `backward` needs.

        lengths: as in `encode`. counts (B,): how many frames are real; all if None.
        """
        self.check(params)
        admit_sizes(count=count)
        durations = admit("durations", durations)
        centres = durations.cumsum(axis=-1) - durations / 2
        distances = (np.arange(count) + 0.5).astype(centres.dtype)[:, None] - centres[..., None, :]
        real = visible(real_places(lengths, durations.shape)[..., None, None, :])
        scores, memory = -self.sharpness * distances**2, admit("memory", memory, 2)
        one_head, steps = (scores[..., None, :, :], memory[..., None, :, :]), steps_of(self.attention, params)
        attended, attend = attend_forward(*one_head, mask=real, steps=steps)
        x, positions = self.positions.forward({}, attended[..., 0, :, :])
        mask = None if self.reach is None else window(self.reach, self.reach)
        if counts is not None:
            mask = padding(counts) if mask is None else padding(counts) & mask
        x, decoder = self.blocks.forward(params["decoder"], x, mask=mask, seed=seed)
        frames, head = self.head.forward(params["head"], x)
        return frames, SpeechDecodeSaved(distances, attend, positions, decoder, head)

    def decode_backward(self, d_frames: Any, saved: SpeechDecodeSaved) -> tuple[tuple[Any, Any], Params]:
        """Undo `decode`: the gradients of memory and durations, and d_params."""
        check_saved(saved, SpeechDecodeSaved)
        d_x, d_head = self.head.backward(d_frames, saved.head)
        d_x, d_decoder = self.blocks.backward(d_x, saved.decoder)
        d_attended, _ = self.positions.backward(d_x, saved.positions)
        d_scores, d_memory, *_ = attend_backward(d_attended[..., None, :, :], saved.attend)
        # scores = -sharpness * (t + 1/2 - centres)²
        d_centres = 2 * self.sharpness * (d_scores[..., 0, :, :] * saved.distances).sum(axis=-2)
        # centres = cumsum(durations) - durations / 2
        later = d_centres[..., ::-1].cumsum(axis=-1)[..., ::-1]
        return (d_memory[..., 0, :, :], later - d_centres / 2), {"decoder": d_decoder, "head": d_head}

    def forward(
        self,
        params: Params,
        symbols: npt.ArrayLike,
        conditions: npt.ArrayLike,
        count: int,
        *,
        lengths: npt.ArrayLike | None = None,
        counts: npt.ArrayLike | None = None,
        seed: int | None = None,
    ) -> tuple[Synthesized, SpeechSaved]:
        """Frames and durations, and what `backward` needs: see `encode` and `decode`."""
        first, last = child_seeds(seed, 2)
        (memory, durations), encode = self.encode(params, symbols, conditions, lengths=lengths, seed=first)
        frames, decode = self.decode(
            params, memory, durations, count, lengths=lengths, counts=counts, seed=last
        )
        kind = np.result_type(frames, durations)  # complex together, as soon as one of them is
        return Synthesized(frames.astype(kind), durations.astype(kind)), SpeechSaved(encode, decode)

    def backward(self, d_out: tuple[Any, Any], saved: SpeechSaved) -> tuple[None, Params]:
        """None, for ids have no gradient, and d_params, from the gradients of frames and durations."""
        check_saved(saved, SpeechSaved)
        d_frames, d_durations = d_out
        (d_memory, d_own), d_decode = self.decode_backward(d_frames, saved.decode)
        _, d_encode = self.encode_backward((d_memory, added(d_own, np.asarray(d_durations))), saved.encode)
        return None, d_encode | d_decode


def real_places(lengths: npt.ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """True (B, S) for the first `lengths` of each row; for all if None."""
    if lengths is None:
        return np.ones(shape, bool)
    return np.asarray(np.arange(shape[-1]) < whole_numbers("lengths", lengths, least=0)[..., None])
