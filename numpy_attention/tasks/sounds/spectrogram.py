"""Spectrograms: short-time Fourier transform, mel filters, log-mel frames; by numpy.fft alone.

A frame is 25 ms under a Hann window, one every 10 ms. Davis & Mermelstein 1980; the mel scale of
O'Shaughnessy 1987.
"""

from functools import cache

import numpy as np

from ...functional.base.admission import Array

RATE = 8000
"""Samples a second."""
FRAME, STEP, FFT = 200, 80, 256
"""Samples of a frame, from one frame to the next, and of a transform (a frame, then zeros)."""
BINS = FFT // 2 + 1
FLOOR = 1e-6
"""Added to the power of a band before its logarithm."""


def hann() -> Array:
    """The window (FRAME,), w[n] = (1 - cos(2π n / FRAME)) / 2.

    Examples
    --------
    >>> hann()[[0, 50, 100]].round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray((1 - np.cos(2 * np.pi * np.arange(FRAME) / FRAME)) / 2)


def frame_count(size: int) -> int:
    """How many whole frames that many samples have; one if they are fewer than a frame's.

    Examples
    --------
    >>> frame_count(200), frame_count(279), frame_count(280), frame_count(7)
    (1, 1, 2, 1)
    """
    return 1 + max(size - FRAME, 0) // STEP


def stft(x: Array) -> Array:
    """The spectrum (frames, BINS) of a waveform x (n,), complex.

    X[t, k] = Σ_n w[n] x[STEP t + n] exp(-2πi k n / FFT),      n < FRAME, k <= FFT / 2

    Samples behind the last whole frame are left out; fewer than a frame's are followed by zeros.
    Allen & Rabiner 1977, equation 1.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / RATE)
    >>> spectrum = stft(tone)
    >>> spectrum.shape, int(np.abs(spectrum).mean(axis=0).argmax()) * RATE / FFT
    ((98, 129), 1000.0)
    """
    if len(x) < FRAME:
        x = np.pad(x, (0, FRAME - len(x)))
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::STEP]
    return np.fft.rfft(frames * hann(), FFT)


@cache
def mel_filters(bands: int) -> Array:
    """Triangles (bands, BINS), evenly spread over 0-4000 Hz in mel; read-only.

    mel(f) = 2595 log10(1 + f / 700);   a triangle rises from its left neighbour's centre to 1 at its own and
    falls to its right neighbour's.

    Raises
    ------
    ValueError
        If there are so many that one would lie between two frequencies of the transform.

    Examples
    --------
    >>> filters = mel_filters(24)
    >>> filters.shape, (filters.argmax(axis=1) * RATE / FFT)[[0, 11, 23]]
    ((24, 129), array([  62.5 , 1031.25, 3656.25]))
    """
    edges = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), bands + 2)
    left, centre, right = (700 * (10 ** (edges[first : first + bands] / 2595) - 1) for first in range(3))
    f = np.arange(BINS)[:, None] * RATE / FFT
    filters = np.maximum(np.minimum((f - left) / (centre - left), (right - f) / (right - centre)), 0).T
    if not filters.any(axis=1).all():
        raise ValueError(f"bands is {bands}; so few are expected that each has a frequency of the transform")
    filters.flags.writeable = False
    return np.asarray(filters)


def log_mel(x: Array, bands: int) -> Array:
    """Log-mel frames (frames, bands) of a waveform x (n,), float32.

    log(Σ_k filters[b, k] |X[t, k]|² + FLOOR)

    Examples
    --------
    >>> log_mel(np.zeros(8000), 24).shape
    (98, 24)
    """
    power = np.abs(stft(x)) ** 2
    return np.asarray(np.log(power @ mel_filters(bands).T + FLOOR), dtype=np.float32)
