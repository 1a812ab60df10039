"""The spoken digits that ship with the package."""

import numpy as np

from numpy_attention.tasks.sounds.words import HELD_OUT_SPEAKERS, decoded, read_spoken_digits

WORDS = read_spoken_digits()


def test_every_speaker_says_every_digit_three_times():
    said = set(zip(WORDS.speaker.tolist(), WORDS.digit.tolist(), WORDS.take.tolist(), strict=True))
    assert len(said) == WORDS.size == 24 * 10 * 3
    assert (len(WORDS.speakers), WORDS.words[7]) == (24, "7")


def test_clips_are_whole_and_of_even_loudness():
    assert sum(map(len, WORDS.clips)) > 2.4e6
    assert {clip.dtype for clip in WORDS.clips} == {np.dtype(np.float32)}
    loudness = np.array([np.sqrt((clip.astype(float) ** 2).mean()) for clip in WORDS.clips])
    assert np.abs(loudness - 0.12).max() < 0.01


def test_no_held_out_speaker_is_trained_on():
    train, held_out = WORDS.split()
    assert {WORDS.speakers[place] for place in held_out.speaker} == set(HELD_OUT_SPEAKERS)
    assert not set(train.speaker) & set(held_out.speaker)
    assert train.size + held_out.size == WORDS.size


def test_some_words_keep_what_belongs_together():
    some = WORDS.some([301, 5])
    assert some.size == 2
    np.testing.assert_array_equal(some.clips[0], WORDS.clips[301])
    assert some.digit[0] == WORDS.digit[301]
    assert some.take.tolist() == [WORDS.take[301], WORDS.take[5]]


def test_the_mu_law_is_fine_near_zero():
    x = decoded(np.arange(256, dtype=np.uint8)).astype(float)
    np.testing.assert_allclose(x, -x[::-1], rtol=1e-6)
    assert x[-1] == 1
    codes = np.round((np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) + 1) / 2 * 255)
    np.testing.assert_array_equal(codes, np.arange(256))
    assert np.diff(x).min() < 2e-4 < 0.04 < np.diff(x).max()
