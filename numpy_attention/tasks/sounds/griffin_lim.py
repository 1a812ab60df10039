"""From log-mel frames back to a waveform: magnitudes by least squares, then phases by iteration.

Neighbouring frames share samples, so not every spectrum is that of a waveform. Griffin & Lim 1984 start from
any phases, and take in turn the waveform that fits best and its phases; the fast form of Perraudin, Balazs &
Søndergaard 2013 steps beyond each.

    t_n = stft(istft(c_n)),     c_{n+1} = magnitudes * (t_n + α (t_n - t_{n-1})) / |t_n + α (t_n - t_{n-1})|
"""

import numpy as np

from ...functional.base.admission import Array
from .spectrogram import FFT, FLOOR, FRAME, STEP, hann, mel_filters, stft

ITERATIONS = 32
MOMENTUM = 0.99
"""α"""
LEAST_SQUARES_STEPS = 100


def magnitudes(log_mel: Array) -> Array:
    """Magnitudes (frames, BINS) whose squares the mel filters turn into these frames (frames, bands).

    Least squares of squares p >= 0 by the multiplicative steps of Lee & Seung 2001, from the pseudo-inverse:

        p <- p * (m @ filters) / (p @ filtersᵀ @ filters),      m = exp(log_mel) - FLOOR
    """
    filters = mel_filters(log_mel.shape[1])
    mel = np.maximum(np.exp(log_mel.astype(np.float64)) - FLOOR, 0)
    power = np.maximum(mel @ np.linalg.pinv(filters).T, FLOOR)
    for _ in range(LEAST_SQUARES_STEPS):
        power *= (mel @ filters) / np.maximum(power @ filters.T @ filters, FLOOR**2)
    return np.asarray(np.sqrt(power))


def istft(spectrum: Array) -> Array:
    """The waveform whose `stft` is nearest to a spectrum (frames, BINS), in least squares.

    x[n] = Σ_t w[n - STEP t] y_t[n - STEP t] / Σ_t w²[n - STEP t],      y_t the inverse transform of frame t

    Griffin & Lim 1984, equation 6.

    Examples
    --------
    >>> x = np.sin(np.arange(FRAME + 5 * STEP))
    >>> float(abs(istft(stft(x)) - x)[1:-1].max()) < 1e-9
    True
    """
    window = hann()
    frames = np.fft.irfft(spectrum, FFT)[:, :FRAME] * window
    weight = overlapping(np.broadcast_to(window**2, frames.shape))
    return overlapping(frames) / np.where(weight > 0, weight, 1)


def overlapping(frames: Array) -> Array:
    """The sum (n,) of frames (T, FRAME) that begin `STEP` apart.

    Examples
    --------
    >>> overlapping(np.ones((2, FRAME)))[[0, STEP, FRAME, FRAME + STEP - 1]]
    array([1., 2., 1., 1.])
    """
    steps = np.zeros((len(frames) + FRAME // STEP, STEP))
    for step, first in enumerate(range(0, FRAME, STEP)):
        part = frames[:, first : first + STEP]
        steps[step : step + len(frames), : part.shape[1]] += part
    return steps.ravel()[: (len(frames) - 1) * STEP + FRAME]


def griffin_lim(magnitudes: Array, seed: int = 0) -> Array:
    """A waveform whose spectrum has about these magnitudes (frames, BINS); the phases begin at random.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * np.arange(2000) / 20)
    >>> wanted = np.abs(stft(tone))
    >>> float(np.linalg.norm(np.abs(stft(griffin_lim(wanted))) - wanted) / np.linalg.norm(wanted)) < 0.1
    True
    """
    phases = 2 * np.pi * np.random.default_rng(seed).random(magnitudes.shape)
    spectrum, last = magnitudes * np.exp(1j * phases), np.zeros(())
    for _ in range(ITERATIONS):
        consistent = stft(istft(spectrum))
        beyond = consistent + MOMENTUM * (consistent - last)
        spectrum, last = magnitudes * np.exp(1j * np.angle(beyond)), consistent
    return istft(spectrum)


def waveform(log_mel: Array) -> Array:
    """The waveform of log-mel frames (frames, bands), at most 1 in magnitude.

    Silent frames stand before and after, and are cut off again: without them one frame alone would reach the
    ends, and least squares would divide it by its window, near 0 there.
    """
    silent = np.full((FRAME // STEP, log_mel.shape[1]), np.log(FLOOR))
    x = griffin_lim(magnitudes(np.concatenate([silent, log_mel, silent])))
    x = x[len(silent) * STEP : -len(silent) * STEP]
    return x / max(1.0, float(np.abs(x).max()))
