"""Mel-cepstral distortion: how far two recordings of the same words are apart, in decibels.

c_m = Σ_b cos(π m (b + 1/2) / B) log|mel_b| / B                       m = 1 … 13, log-amplitudes of B bands
distortion = 10 / ln 10 * √(2 Σ_m (c_m - c'_m)²)                      mean over the pairs of frames

Frames are paired by dynamic time warping of the cepstra. c_0, the loudness, is left out. Kubichek 1993,
equation 4; with log-amplitudes, as is usual: with log-power the figure doubles.
"""

import numpy as np

from ...functional.base.admission import Array
from .dtw import dtw_path

ORDER = 13
DECIBELS = 10 / np.log(10) * np.sqrt(2)


def mel_cepstrum(log_mel: Array) -> Array:
    """Cepstra (frames, ORDER) of log-mel frames (frames, bands), which are log-power.

    Examples
    --------
    >>> wave = 2 * np.cos(np.pi * 3 * (np.arange(40) + 0.5) / 40)
    >>> mel_cepstrum(7 + wave[None]).round(6)[0, :4] + 0
    array([0. , 0. , 0.5, 0. ])
    """
    bands = log_mel.shape[1]
    waves = np.cos(np.pi * np.outer(np.arange(1, ORDER + 1), np.arange(bands) + 0.5) / bands)
    return np.asarray(log_mel.astype(np.float64) / 2 @ waves.T / bands)


def cepstral_distortion(one: Array, other: Array) -> float:
    """The distortion between log-mel frames (M, bands) and (N, bands), in decibels.

    Examples
    --------
    >>> wave = np.cos(np.pi * (np.arange(40) + 0.5) / 40)
    >>> round(cepstral_distortion(np.zeros((3, 40)), np.tile(4 * wave, (5, 1))), 3)
    6.142
    """
    mine, others = mel_cepstrum(one), mel_cepstrum(other)
    pairs = dtw_path(mine, others)
    differences = mine[pairs[:, 0]] - others[pairs[:, 1]]
    return float(DECIBELS * np.sqrt((differences**2).sum(axis=1)).mean())
