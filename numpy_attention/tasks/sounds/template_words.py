"""Nearest template by dynamic time warping, the words already cut out. Without attention or training.

A template is a recording of the training part, with noise as the utterances have. It is told what the model
must find out itself: where each word begins and ends. Sakoe & Chiba 1978.
"""

from collections.abc import Sequence

import numpy as np

from ...functional.base.admission import Array
from .dtw import dtw_distances
from .noise import PINK, WHITE, noise, with_noise
from .spectrogram import log_mel
from .utterances import BANDS, SNR, Utterance
from .words import SpokenWords


def centred(samples: Array) -> Array:
    """Log-mel frames (T, BANDS), each band with mean 0."""
    frames = log_mel(samples, BANDS)
    return np.asarray(frames - frames.mean(axis=0))


def templates_of(words: SpokenWords) -> list[Array]:
    """The frames of each recording with noise."""
    rng = np.random.default_rng(0)
    slopes = rng.choice([WHITE, PINK], words.size)
    return [
        centred(with_noise(clip, noise(rng, len(clip), slope), rng.uniform(*SNR)))
        for clip, slope in zip(words.clips, slopes, strict=True)
    ]


def nearest_words(utterances: Sequence[Utterance], words: SpokenWords) -> list[list[int]]:
    """The digit of the nearest template for each word, cut out where it begins and ends."""
    templates = templates_of(words)
    return [
        [
            int(words.digit[dtw_distances(centred(one.samples[start:end]), templates).argmin()])
            for start, end in zip(one.starts, one.ends, strict=True)
        ]
        for one in utterances
    ]
