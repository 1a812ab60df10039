"""Spectrograms: values by the definition, and where a tone appears."""

import numpy as np
import pytest

from numpy_attention.tasks.sounds.spectrogram import (
    BINS,
    FFT,
    FRAME,
    STEP,
    frame_count,
    hann,
    log_mel,
    mel_filters,
    stft,
)

X = np.random.default_rng(0).normal(size=FRAME + 3 * STEP + 7)


def test_a_spectrum_is_that_of_the_definition():
    n = np.arange(FRAME)
    wave = np.exp(-2j * np.pi * np.outer(np.arange(BINS), n) / FFT)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / FRAME)
    expected = [wave @ (window * X[STEP * t : STEP * t + FRAME]) for t in range(4)]
    np.testing.assert_allclose(stft(X), expected, atol=1e-10)


@pytest.mark.parametrize("size", [0, 1, FRAME, FRAME + STEP - 1, FRAME + STEP])
def test_frames_are_counted_as_they_are_cut(size):
    assert len(stft(np.ones(size))) == frame_count(size)


def test_hann_windows_of_half_a_frame_apart_add_up_to_one():
    np.testing.assert_allclose(hann()[: FRAME // 2] + hann()[FRAME // 2 :], 1)


def test_neighbouring_triangles_add_up_to_one():
    filters = mel_filters(24)
    centres = filters.argmax(axis=1)
    np.testing.assert_allclose(filters[:, centres[0] + 1 : centres[-1]].sum(axis=0), 1)
    assert (np.diff(centres) > 0).all()


def test_so_many_bands_that_one_is_empty_are_refused():
    with pytest.raises(ValueError, match="bands is 90; so few are expected"):
        mel_filters(90)


def test_twice_as_loud_is_the_logarithm_of_four_in_every_band():
    np.testing.assert_allclose(log_mel(2 * X, 13) - log_mel(X, 13), np.log(4), atol=1e-4)
    np.testing.assert_allclose(log_mel(np.zeros(500), 13), np.log(1e-6), rtol=1e-6)
