"""The mean template: aligned before it is averaged, and words one after the other."""

import numpy as np

from numpy_attention.tasks.sounds.mean_template import mean_template, mean_templates, said_by_templates
from numpy_attention.tasks.sounds.synthesis_data import BANDS, PAUSE, SILENCE, Recordings

RNG = np.random.default_rng(0)


def test_recordings_are_aligned_before_they_are_averaged():
    frames = 3 * RNG.standard_normal((6, BANDS))
    slower = np.repeat(frames, [1, 2, 1, 1, 3, 1], axis=0)
    np.testing.assert_allclose(mean_template([frames, slower, frames + 0.5]), frames + 1 / 6, atol=0.2)


def test_loudness_does_not_change_the_alignment():
    frames = 3 * RNG.standard_normal((6, BANDS))
    slower = np.repeat(frames, [1, 3, 1, 1, 2, 1], axis=0) + np.linspace(30, -30, 9)[:, None]
    found = mean_template([frames, slower, frames])
    np.testing.assert_allclose(*(x - x.mean(axis=1, keepdims=True) for x in (found, frames)), atol=1e-9)


def test_each_word_has_its_own_template():
    frames = [RNG.standard_normal((size, BANDS)) for size in (3, 4, 5)]
    word = np.array([7, 2, 7])
    templates = mean_templates(Recordings(tuple(frames), word, np.zeros(3, int), np.zeros(3, int)))
    assert sorted(templates) == [2, 7]
    np.testing.assert_allclose(templates[2], frames[1])
    assert templates[7].shape == (5, BANDS)
    said = said_by_templates(templates, [2, 7, 2])
    assert said.shape == (4 + 5 + 4 + 2 * PAUSE, BANDS)
    np.testing.assert_array_equal(said[4 : 4 + PAUSE], SILENCE)
    np.testing.assert_array_equal(said[-4:], templates[2])
