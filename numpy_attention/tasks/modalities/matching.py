"""Matches: a recording of a word and several pictures, one of which shows it; and the model that chooses.

loss = cross-entropy of the picture that is right
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...functional.masks.builders import padding
from ...nn.parameters import Params
from ...training.objective import Figures, Outcome
from ..classification.data import Examples
from ..distortion import distorted
from ..images import nearest, windows
from ..layer_objective import LayerObjective
from ..sounds.dtw import dtw_distances
from ..sounds.template_words import centred
from ..sounds.utterances import Utterance, blanked, pairs_of, played
from ..sounds.words import SpokenWords

PICTURES = 4
"""Pictures of an example, each of another class."""
WINDOW, STEP = 4, 2
"""Side of the window that is a patch, and the distance from one to the next."""
FASTEST = 1.25
"""How much faster or slower a word is played for training at most, higher or lower at the same time."""
SPREAD = 10.0
"""Factor on the initial positions and on the query that reads the frames: else all are alike at first."""
BATCH = 100
"""Examples per forward where nothing is trained."""


class Matches(NamedTuple):
    """N recordings, each with its pictures."""

    sounds: Array
    """(N, T, columns) tokens of frames, padded at their ends"""
    lengths: Array
    """(N,) number of real tokens"""
    images: Array
    """(N, PICTURES, side, side) grey values 0-1"""
    answers: Array
    """(N,) place of the picture of the word that is said"""
    clips: Array
    """(N,) place of the recording among the words it was drawn from"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.answers)

    def some(self, rows: Any) -> "Matches":
        """The examples selected by an index array or a slice."""
        return Matches(*(array[rows] for array in self))


def drawn_classes(rng: np.random.Generator, words: Array, count: int) -> Array:
    """(N, PICTURES) different classes of `count`, that of each word (N,) among them, in any order."""
    others = rng.permuted(np.tile(np.arange(count - 1), (len(words), 1)), axis=1)[:, : PICTURES - 1]
    others += others >= words[:, None]
    return np.asarray(rng.permuted(np.column_stack([words, others]), axis=1))


def drawn_matches(
    rng: np.random.Generator, words: SpokenWords, digits: Examples, count: int, *, changed: bool = False
) -> Matches:
    """Recordings, each equally often, with pictures of digits (N, side, side) of four classes.

    changed: for training; recordings are played slower or faster, with bands of their spectrograms blank,
    and images slightly distorted.
    """
    clips = np.resize(rng.permutation(words.size), count)
    speeds = FASTEST ** rng.uniform(-1, 1, count) if changed else np.ones(count)
    samples = [played(words.clips[clip], speed) for clip, speed in zip(clips, speeds, strict=True)]
    pairs = pairs_of(
        [Utterance(x, (int(words.digit[clip]),)) for x, clip in zip(samples, clips, strict=True)]
    )
    pairs = blanked(rng, pairs) if changed else pairs
    classes = drawn_classes(rng, words.digit[clips], len(words.words))
    rows = np.empty_like(classes)
    for label in range(len(words.words)):
        own = classes == label
        rows[own] = rng.choice(np.flatnonzero(digits.y == label), own.sum())
    images = digits.x
    if changed:
        images = distorted(rng, images.reshape(len(images), -1)).reshape(images.shape)
    answers = (classes == words.digit[clips][:, None]).argmax(axis=1)
    return Matches(pairs.source, pairs.source_lengths, images[rows], answers, clips)


@dataclass(frozen=True)
class Matching(LayerObjective):
    """A matcher of sounds and pictures, and the cross-entropy of the right picture."""

    model: nn.SoundPictureMatcher

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "attention to patches"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        for rows in (params["sound_positions"], params["picture_positions"]):
            rows["weight"] *= np.float32(SPREAD)
        params["pooling"]["queries"] *= np.float32(SPREAD)
        return params

    def forward(self, params: Params, batch: Matches, seed: int | None = None) -> tuple[Array, Any]:
        """Logits (N, PICTURES), and what the model's backward needs."""
        sounds, pictures = batch.sounds[:, : batch.lengths.max()], self.patches_of(batch.images)
        seed = seed if self.model.dropout else None
        return self.model.forward(params, sounds, pictures, mask=padding(batch.lengths), seed=seed)

    def patches_of(self, images: Array) -> Array:
        """Images (N, PICTURES, side, side) as the patches (N, PICTURES, patches, F) that the model reads."""
        patches = windows(images.reshape(-1, *images.shape[2:]), WINDOW, STEP).astype(np.float32)
        return np.asarray(2 * patches.reshape(*images.shape[:2], *patches.shape[1:]) - 0.5)

    def loss_and_gradients(self, params: Params, batch: Matches, seed: int) -> Outcome:
        """The outcome of a batch, with dropout from the seed."""
        logits, saved = self.forward(params, batch, seed)
        loss, saved_loss = cross_entropy_forward(logits, batch.answers)
        d_logits = cross_entropy_backward(np.ones((), logits.dtype), saved_loss)
        _, d_params = self.model.backward(d_logits, saved)
        right = int((logits.argmax(axis=-1) == batch.answers).sum())
        return Outcome(float(loss), d_params, batch.size, right)

    def logits(self, params: Params, examples: Matches) -> Array:
        """Logits (N, PICTURES)."""
        parts = range(0, examples.size, BATCH)
        return np.concatenate([self.forward(params, examples.some(slice(at, at + BATCH)))[0] for at in parts])

    def figures(self, params: Params, examples: Matches) -> Figures:
        """Mean loss and accuracy."""
        logits = self.logits(params, examples)
        losses = cross_entropy_forward(logits, examples.answers, reduction="none")[0]
        right = logits.argmax(axis=-1) == examples.answers
        return Figures(math.fsum(losses.tolist()) / examples.size, float(right.mean()))


def two_steps(examples: Matches, clips: tuple[Array, ...], words: SpokenWords, digits: Examples) -> Array:
    """The choice (N,) without training: which word, and which picture is most like it.

    The word is that of the nearest recording to train on, by dynamic time warping of frames; the picture that
    at the least distance from an image of its class. clips: the recordings of the examples.
    """
    templates = [centred(clip) for clip in words.clips]
    said = np.zeros(len(clips), dtype=np.int64)
    for place in np.unique(examples.clips):
        said[place] = words.digit[dtw_distances(centred(clips[place]), templates).argmin()]
    images = examples.images.reshape(-1, digits.x[0].size)
    distances = np.stack(
        [nearest(images, digits.x[digits.y == label])[1] for label in range(len(words.words))]
    ).reshape(len(words.words), *examples.images.shape[:2])
    own: Array = distances[said[examples.clips], np.arange(examples.size)]
    return np.asarray(own.argmin(axis=1))
