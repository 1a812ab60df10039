"""Mel-cepstral distortion: its formula by hand, what it does not hear, and its scale in decibels."""

import numpy as np

from numpy_attention.tasks.sounds.cepstral_distortion import ORDER, cepstral_distortion, mel_cepstrum

RNG = np.random.default_rng(0)


def test_cepstra_are_cosine_sums_of_log_amplitudes():
    frames = RNG.standard_normal((3, 17))
    wanted = [
        [sum(np.cos(np.pi * m * (b + 0.5) / 17) * row[b] / 2 for b in range(17)) / 17 for m in range(1, 14)]
        for row in frames
    ]
    np.testing.assert_allclose(mel_cepstrum(frames), wanted, rtol=1e-12, atol=1e-15)
    assert mel_cepstrum(frames).shape == (3, ORDER)


def test_the_formula_of_frames_that_are_paired_one_to_one():
    one = RNG.standard_normal((1, 23))
    other = one + RNG.standard_normal((1, 23))
    difference = mel_cepstrum(one) - mel_cepstrum(other)
    wanted = 10 / np.log(10) * np.sqrt(2 * (difference**2).sum())
    np.testing.assert_allclose(cepstral_distortion(one, other), wanted, rtol=1e-12)


def test_speed_and_loudness_are_not_heard():
    frames = RNG.standard_normal((5, 40))
    slower = np.repeat(frames, [1, 3, 1, 2, 1], axis=0)
    assert cepstral_distortion(frames, slower) < 1e-6
    np.testing.assert_allclose(cepstral_distortion(frames, slower + 2.0), 0, atol=1e-6)
    assert cepstral_distortion(frames, frames[::-1]) > 1
