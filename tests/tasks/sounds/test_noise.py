"""Noise at a signal-to-noise ratio."""

import numpy as np
import pytest

from numpy_attention.tasks.sounds.noise import PINK, WHITE, noise, with_noise


@pytest.mark.parametrize("slope, ratio", [(WHITE, 1), (PINK, 2)])
def test_power_falls_with_frequency_as_the_slope_says(slope, ratio):
    power = np.abs(np.fft.rfft(noise(np.random.default_rng(1), 2**16, slope))) ** 2
    for first in (500, 1000, 4000):
        low, high = power[first : 2 * first].mean(), power[2 * first : 4 * first].mean()
        assert abs(low / high / ratio - 1) < 0.2


@pytest.mark.parametrize("snr", [20.0, 5.0, -3.0])
def test_the_ratio_is_the_one_asked_for(snr):
    rng = np.random.default_rng(2)
    x, other = rng.normal(size=701), 3 * rng.normal(size=701)
    added = with_noise(x, other, snr) - x
    assert np.isclose(10 * np.log10((x**2).sum() / (added**2).sum()), snr)
    assert abs(np.corrcoef(added, other)[0, 1] - 1) < 1e-9


def test_no_noise_changes_nothing():
    x = np.arange(5.0)
    np.testing.assert_array_equal(with_noise(x, np.zeros(5), 10.0), x)
