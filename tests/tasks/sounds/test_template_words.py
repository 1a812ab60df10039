"""The nearest template of each word."""

import numpy as np

from numpy_attention.tasks.sounds.template_words import centred, nearest_words, templates_of
from numpy_attention.tasks.sounds.utterances import SpeechForm, drawn_utterances
from numpy_attention.tasks.sounds.words import read_spoken_digits

WORDS = read_spoken_digits()
ONE = WORDS.some(WORDS.speaker == 7)


def test_the_words_of_a_speaker_are_nearest_to_his_own():
    utterances = drawn_utterances(np.random.default_rng(0), ONE, 5, SpeechForm((3, 4)))
    found = nearest_words(utterances, ONE)
    assert [len(digits) for digits in found] == [len(one.digits) for one in utterances]
    right = [
        mine == own
        for digits, one in zip(found, utterances, strict=True)
        for mine, own in zip(digits, one.digits, strict=True)
    ]
    assert np.mean(right) > 0.9


def test_templates_are_the_same_every_time_and_have_noise():
    one, again = templates_of(ONE), templates_of(ONE)
    for first, second, clip in zip(one, again, ONE.clips, strict=True):
        np.testing.assert_array_equal(first, second)
        assert np.abs(first - centred(clip)).max() > 0.5
        np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-4)
