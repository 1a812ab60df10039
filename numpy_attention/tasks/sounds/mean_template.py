"""The mean of a word over its recordings, warped onto one of them: speech synthesis without learning.

The recording of median length is the first template. Every recording is aligned with it by dynamic time
warping, and the frames that fall on one of its frames are averaged: one step of the barycentre averaging of
Petitjean, Ketterlin & Gançarski 2011.
"""

from collections.abc import Sequence

import numpy as np

from ...functional.base.admission import Array
from .cepstral_distortion import mel_cepstrum
from .dtw import dtw_path
from .synthesis_data import BANDS, PAUSE, SILENCE, Recordings, with_pauses


def mean_template(frames: Sequence[Array]) -> Array:
    """The mean (T, bands) of recordings (T_i, bands), as long as that of median length.

    Examples
    --------
    >>> slow, fast = np.array([[0.0], [0.0], [3.0]]), np.array([[0.0], [6.0]])
    >>> mean_template([fast, slow, fast])
    array([[0.],
           [5.]])
    """
    first = sorted(frames, key=len)[len(frames) // 2]
    total, count = np.zeros(first.shape), np.zeros((len(first), 1))
    for one in frames:
        path = dtw_path(mel_cepstrum(first), mel_cepstrum(one))
        np.add.at(total, path[:, 0], one[path[:, 1]])
        np.add.at(count, path[:, 0], 1)
    return total / count


def mean_templates(recordings: Recordings) -> dict[int, Array]:
    """The mean of each word, over all voices and takes."""
    return {
        word: mean_template(recordings.some(recordings.word == word).frames)
        for word in np.unique(recordings.word).tolist()
    }


def said_by_templates(templates: dict[int, Array], words: Sequence[int]) -> Array:
    """The frames (T, BANDS) of words one after the other, a pause between two."""
    pause = np.full((PAUSE, BANDS), SILENCE)
    return np.concatenate(with_pauses([templates[word] for word in words], pause))
