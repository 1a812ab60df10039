"""Speech synthesis: the loss of frames and durations, how recordings are made, and how they are judged.

loss = mean (frame - wanted)²  +  mean (frames of a word / 10 - wanted / 10)²
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.losses.squared_error import mean_squared_error_backward, mean_squared_error_forward
from ...nn.parameters import Params
from ...training.objective import Figures, Outcome
from ..layer_objective import LayerObjective
from ..words.written import padded
from .cepstral_distortion import cepstral_distortion
from .griffin_lim import waveform
from .recognition import digits_right
from .shipped_recogniser import heard_digits
from .synthesis_data import SILENCE, Batch, Utterances, batch_of, symbols_of

TENTH = np.float32(0.1)
"""Durations are compared in tens of frames."""
SPREAD = 25
"""How much larger embeddings begin than in a language model: their standard deviation is 0.5."""
TOGETHER = 16
"""Utterances that go through the model together."""


@dataclass(frozen=True)
class Synthesizing(LayerObjective):
    """A model of frames of speech."""

    model: nn.SpeechSynthesizer
    mean: tuple[float, ...]
    """Of each band, to train on"""
    deviation: float
    """Of all bands from their means"""
    state_frames: float
    """How many frames a symbol lasts, on average"""

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "attention by durations"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters: every symbol lasts about as long as on average."""
        params = super().init(rng)
        for table in ("embedding", "condition"):
            params[table]["weight"] *= np.float32(SPREAD)
        params["duration"]["bias"] += np.float32(self.state_frames)
        params["duration"]["weight"] *= TENTH
        return params

    def conditions(self, voice: Array, take: Array) -> Array:
        """Rows (B, 2) of the second table: takes stand behind voices."""
        return np.stack([voice, self.model.conditions - 1 - take], axis=-1)

    def loss_and_gradients(self, params: Params, batch: Utterances, seed: int) -> Outcome:
        """The outcome of a batch; right counts the frames that attend most to the word being said."""
        b = batch_of(batch)
        (frames, durations), saved = self.model.forward(
            params,
            b.symbols,
            self.conditions(batch.voice, batch.take),
            b.frames.shape[1],
            lengths=b.lengths,
            counts=b.counts,
            seed=seed if self.model.dropout else None,
        )
        real, there = np.arange(b.frames.shape[1]) < b.counts[:, None], b.durations > 0
        wanted = ((b.frames[real] - self.mean) / self.deviation).astype(frames.dtype)
        loss, saved_loss = mean_squared_error_forward(frames[real], wanted)
        of_pieces = (b.pieces @ durations[..., None])[..., 0]
        apart, saved_apart = mean_squared_error_forward(TENTH * of_pieces[there], TENTH * b.durations[there])
        # backward, the lines upwards
        one = np.ones((), frames.dtype)
        d_of_pieces, d_frames = np.zeros_like(b.durations), np.zeros_like(frames)
        d_of_pieces[there] = TENTH * mean_squared_error_backward(one, saved_apart)
        d_durations = (d_of_pieces[:, None] @ b.pieces)[:, 0]
        d_frames[real] = mean_squared_error_backward(one, saved_loss)
        _, d_params = self.model.backward((d_frames, d_durations), saved)
        right = int(on_the_word(b, saved.decode.weights)[real].sum())
        return Outcome(float(loss + apart), d_params, int(real.sum()), right)

    def said(
        self, params: Params, words: Sequence[Sequence[int]], voice: Array, take: Array
    ) -> Iterator[tuple[Array, Array]]:
        """The log-mel frames (T, BANDS) of utterances, and the attention (T, S) of each."""
        for first in range(0, len(words), TOGETHER):
            rows = slice(first, first + TOGETHER)
            symbols, lengths = padded([symbols_of(each)[0].tolist() for each in words[rows]])
            conditions = self.conditions(voice[rows], take[rows])
            (memory, durations), _ = self.model.encode(params, symbols, conditions, lengths=lengths)
            counts = np.maximum(np.rint(durations.sum(axis=-1)).astype(int), 1)
            frames, saved = self.model.decode(
                params, memory, durations, int(counts.max()), lengths=lengths, counts=counts
            )
            for own, weights, count, length in zip(frames, saved.weights, counts, lengths, strict=True):
                log_mel = own[:count].astype(np.float64) * self.deviation + self.mean
                yield np.maximum(log_mel, SILENCE), weights[:count, :length]

    def figures(self, params: Params, examples: Utterances) -> Figures:
        """The mean mel-cepstral distortion, and the share of words that are understood."""
        said = [frames for frames, _ in self.said(params, examples.words, examples.voice, examples.take)]
        return judged(said, examples)


def on_the_word(batch: Batch, weights: Array) -> Array:
    """True (B, T) where a frame attends most to a symbol of the word or pause that is being said.

    Examples
    --------
    >>> pieces, nothing = np.array([[[1, 1, 0], [0, 0, 1]]]), np.zeros(0)
    >>> batch = Batch(nothing, nothing, pieces, np.array([[2, 1]]), nothing, nothing)
    >>> on_the_word(batch, np.eye(3)[None])
    array([[ True,  True,  True]])
    >>> on_the_word(batch, np.eye(3)[None, [0, 2, 2]])
    array([[ True, False,  True]])
    """
    attended = np.take_along_axis(batch.pieces.argmax(axis=1), weights.argmax(axis=-1), axis=-1)
    frames = np.arange(weights.shape[1])[:, None]
    said = (frames >= batch.durations.cumsum(axis=-1)[:, None]).sum(axis=-1)
    return np.asarray(attended == said)


def judged(said: Sequence[Array], wanted: Utterances) -> Figures:
    """The mean mel-cepstral distortion of frames, in dB, and the share of words that the recogniser reads."""
    distortions = [cepstral_distortion(*pair) for pair in zip(said, wanted.frames, strict=True)]
    heard = heard_digits([waveform(frames) for frames in said])
    return Figures(float(np.mean(distortions)), digits_right(heard, wanted.words))
