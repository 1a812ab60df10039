"""Utterances: words of one speaker run together, with noise; as frames for an encoder, with their targets.

An utterance for training is played slower or faster, and stripes of its spectrogram are blank. Ko et al.
2015, Park et al. 2019.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..words.examples import Pairs
from ..words.vocabulary import END, PAD, SPECIAL, START
from .noise import PINK, WHITE, noise, with_noise
from .spectrogram import RATE, log_mel
from .words import SpokenWords

GAP = 400
"""The longest silence between two words, in samples: 50 ms. Most are shorter, and a third are none."""
SNR = (5.0, 20.0)
"""Limits of the signal-to-noise ratio, in decibels."""
BANDS = 24
STACKED = 4
"""Frames that are one token."""
STRIPES, WIDEST_STRIPE = 2, 5
"""Stripes of bands that are blanked for training, and the most bands of one."""
POOL = 2**19
"""Samples of noise of each kind, a minute, from which those of all utterances are cut."""


class Utterance(NamedTuple):
    """A recording of some words."""

    samples: Array
    """(n,) the waveform"""
    digits: tuple[int, ...]
    """The words, places in `SpokenWords.words`"""
    starts: tuple[int, ...] = ()
    """Where each word begins, in samples"""
    ends: tuple[int, ...] = ()
    """Where it ends"""
    speaker: int = 0
    snr: float = np.inf


def played(x: Array, speed: float) -> Array:
    """x (n,) played at another speed, interpolated linearly.

    Examples
    --------
    >>> played(np.array([0.0, 1.0, 2.0, 3.0]), 1.5)
    array([0. , 1.5, 3. ])
    """
    at = np.arange(0, len(x) - 1 + 1e-9, speed)
    return np.asarray(np.interp(at, np.arange(len(x)), x), dtype=x.dtype)


class SpeechForm(NamedTuple):
    """How utterances are drawn: limits, between which every one is as likely."""

    words: tuple[int, int]
    """Fewest and most words"""
    seconds: tuple[float, float] = (60.0, 60.0)
    """After how long no further word begins that would end later"""
    speeds: tuple[float, float] = (1.0, 1.0)
    """How much slower or faster words are played, higher or lower at the same time"""


def drawn_utterances(
    rng: np.random.Generator, words: SpokenWords, count: int, form: SpeechForm
) -> list[Utterance]:
    """Utterances of that form, each by one speaker, with white or pink noise."""
    of_speaker = [np.flatnonzero(words.speaker == speaker) for speaker in np.unique(words.speaker)]
    pools = [noise(rng, POOL, slope).astype(np.float32) for slope in (WHITE, PINK)]
    utterances = []
    for _ in range(count):
        clean = run_together(rng, words, of_speaker[rng.integers(len(of_speaker))], form)
        size, pool, snr = len(clean.samples), pools[rng.integers(2)], float(rng.uniform(*SNR))
        first = rng.integers(max(POOL - size, 1))
        other = np.resize(pool[first : first + size], size)
        utterances.append(clean._replace(samples=with_noise(clean.samples, other, snr), snr=snr))
    return utterances


def run_together(rng: np.random.Generator, words: SpokenWords, rows: Array, form: SpeechForm) -> Utterance:
    """Words drawn from these rows, one after the other."""
    most, limit = rng.integers(*form.words, endpoint=True), RATE * rng.uniform(*form.seconds)
    speed = rng.uniform(*form.speeds)
    pieces: list[Array] = []
    digits: list[int] = []
    starts, ends, size = [], [], 0
    while len(digits) < most:
        row = rng.choice(rows)
        clip = words.clips[row] if speed == 1 else played(words.clips[row], speed)
        gap = max(int(rng.integers(-GAP // 2, GAP, endpoint=True)), 0) if digits else 0
        if digits and size + gap + len(clip) > limit:
            break
        pieces += [np.zeros(gap, np.float32), clip]
        digits.append(int(words.digit[row]))
        starts.append(size + gap)
        size += gap + len(clip)
        ends.append(size)
    return Utterance(
        np.concatenate(pieces), tuple(digits), tuple(starts), tuple(ends), int(words.speaker[rows[0]])
    )


def tokens(samples: Array) -> Array:
    """Frames of a waveform, `STACKED` of them a row (T, STACKED * BANDS), float32.

    Each band has mean 0 over the recording, and all numbers together variance 1.

    Examples
    --------
    >>> tokens(np.random.default_rng(0).normal(size=8000)).shape
    (24, 96)
    """
    frames = log_mel(samples, BANDS)
    frames = np.pad(frames, ((0, max(STACKED - len(frames), 0)), (0, 0)), mode="edge")
    frames = frames - frames.mean(axis=0)
    frames /= max(float(frames.std()), 1e-3)
    whole = len(frames) // STACKED
    return np.asarray(frames[: whole * STACKED].reshape(whole, STACKED * BANDS))


def pairs_of(utterances: Sequence[Utterance]) -> Pairs:
    """The tokens of utterances (N, S, columns) and their targets, padded."""
    sources = [tokens(one.samples) for one in utterances]
    lengths = np.array([len(source) for source in sources])
    source = np.zeros((len(sources), lengths.max(), STACKED * BANDS), dtype=np.float32)
    target_lengths = np.array([len(one.digits) + 2 for one in utterances])
    target = np.full((len(sources), target_lengths.max()), PAD)
    for row, one in enumerate(utterances):
        source[row, : lengths[row]] = sources[row]
        target[row, : target_lengths[row]] = (START, *(digit + len(SPECIAL) for digit in one.digits), END)
    return Pairs(source, lengths, target, target_lengths)


def blanked(rng: np.random.Generator, pairs: Pairs) -> Pairs:
    """Pairs with stripes of bands set to 0, the mean: others for each row."""
    frames = pairs.source.reshape(pairs.size, -1, BANDS).copy()
    band = np.arange(BANDS)
    for _ in range(STRIPES):
        width = rng.integers(WIDEST_STRIPE, endpoint=True, size=(pairs.size, 1))
        first = rng.integers(BANDS - width, endpoint=True)
        frames *= ~((band >= first) & (band < first + width))[:, None]
    return pairs._replace(source=frames.reshape(pairs.source.shape))
