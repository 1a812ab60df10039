"""Noise at a signal-to-noise ratio: white, or pink, whose power falls as 1/f as that of many voices does."""

import numpy as np

from ...functional.base.admission import Array

WHITE, PINK = 0.0, 1.0
"""Slopes: the power at frequency f is f^-slope."""


def noise(rng: np.random.Generator, size: int, slope: float) -> Array:
    """Noise (size,) whose power falls with frequency as f^-slope, white noise filtered by its transform.

    Examples
    --------
    >>> pink = np.abs(np.fft.rfft(noise(np.random.default_rng(0), 2**16, PINK))) ** 2
    >>> bool(abs(pink[1000:2000].mean() / pink[2000:4000].mean() - 2) < 0.1)
    True
    """
    spectrum = np.fft.rfft(rng.normal(size=size))
    places = np.maximum(np.arange(len(spectrum)), 1)
    return np.asarray(np.fft.irfft(spectrum * places ** (-slope / 2), size))


def with_noise(x: Array, other: Array, snr: float) -> Array:
    """x (n,) plus the other signal (n,), scaled to a signal-to-noise ratio in decibels.

    snr = 10 log10(Σ x² / Σ other²)

    Examples
    --------
    >>> with_noise(np.array([1.0, -1.0]), np.array([5.0, 5.0]), 20.0)
    array([ 1.1, -0.9])
    """
    power = (other**2).sum()
    if not power:
        return x
    return np.asarray(x + other * np.sqrt((x**2).sum() / power * 10 ** (-snr / 10)))
