"""Utterances: words one after the other at the noise asked for, their tokens, blank stripes."""

import numpy as np

from numpy_attention.tasks.sounds.spectrogram import log_mel
from numpy_attention.tasks.sounds.utterances import (
    BANDS,
    GAP,
    SNR,
    STACKED,
    SpeechForm,
    Utterance,
    blanked,
    drawn_utterances,
    pairs_of,
    played,
    tokens,
)
from numpy_attention.tasks.sounds.words import read_spoken_digits
from numpy_attention.tasks.words.vocabulary import END, PAD, START

WORDS = read_spoken_digits().some(slice(0, 60))
DRAWN = drawn_utterances(np.random.default_rng(0), WORDS, 11, SpeechForm((2, 4)))


def test_words_follow_each_other_with_short_gaps():
    for one in DRAWN:
        assert 2 <= len(one.digits) == len(one.starts) == len(one.ends) <= 4
        gaps = np.array(one.starts[1:]) - np.array(one.ends[:-1])
        assert (one.starts[0], one.ends[-1]) == (0, len(one.samples))
        assert gaps.min() >= 0
        assert gaps.max() <= GAP
    assert {len(one.digits) for one in DRAWN} == {2, 3, 4}


def test_no_word_begins_that_would_end_too_late():
    utterances = drawn_utterances(
        np.random.default_rng(1), WORDS, 7, SpeechForm((1, 12), (1.0, 1.5), (0.9, 1.1))
    )
    for one in utterances:
        assert 1 <= len(one.digits) <= 4
        assert len(one.samples) <= 1.5 * 8000
    assert max(len(one.samples) for one in utterances) > 8000
    second = drawn_utterances(np.random.default_rng(1), WORDS, 7, SpeechForm((12, 12), (1.0, 1.0)))
    assert max(len(one.samples) for one in second) <= 8000
    assert (
        len(drawn_utterances(np.random.default_rng(1), WORDS, 1, SpeechForm((2, 9), (0.1, 0.1)))[0].digits)
        == 1
    )


def test_a_word_in_noise_is_a_clip_of_the_speaker_at_the_ratio_asked_for():
    for one in DRAWN:
        start, end, digit = one.starts[1], one.ends[1], one.digits[1]
        own = np.flatnonzero((WORDS.speaker == one.speaker) & (WORDS.digit == digit))
        parts = [
            one.samples[start:end] - WORDS.clips[row] for row in own if len(WORDS.clips[row]) == end - start
        ]
        power = min((part**2).mean() for part in parts)
        signal = (one.samples[start:end] ** 2).mean() - power
        assert SNR[0] - 4 < 10 * np.log10(signal / power) < SNR[1] + 4  # gaps and noise vary a little
        assert SNR[0] <= one.snr <= SNR[1]


def test_every_utterance_has_noise_of_its_own():
    silent = WORDS.some([0])._replace(clips=(np.full(900, 1e-9, np.float32),))
    same = drawn_utterances(np.random.default_rng(0), silent, 7, SpeechForm((1, 1)))
    noise = np.stack([one.samples - 1e-9 for one in same])
    shapes = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    assert np.abs(shapes @ shapes.T - np.eye(7)).max() < 0.9


def test_a_faster_word_is_shorter_and_higher():
    tone = np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)
    fast = played(tone, 1.25)
    assert len(fast) == 6400
    np.testing.assert_allclose(fast, np.sin(2 * np.pi * 250 * np.arange(6400) / 8000), atol=0.01)


def test_tokens_are_normalised_frames_one_after_the_other():
    x = np.random.default_rng(1).normal(size=4001)
    frames = log_mel(x, BANDS)
    whole = len(frames) // STACKED
    frames = (frames - frames.mean(axis=0)) / (frames - frames.mean(axis=0)).std()
    np.testing.assert_allclose(tokens(x).reshape(-1, BANDS), frames[: whole * STACKED], atol=1e-5)
    np.testing.assert_allclose(tokens(7 * x), tokens(x), atol=1e-3)


def test_a_recording_of_one_sample_is_one_token():
    assert tokens(np.ones(1)).shape == (1, STACKED * BANDS)


def test_targets_have_start_end_and_padding():
    one, other = Utterance(np.ones(3000), (0, 7)), Utterance(np.ones(5000), (9,))
    pairs = pairs_of([one, other])
    assert pairs.target.tolist() == [[START, 3, 10, END], [START, 12, END, PAD]]
    assert pairs.source_lengths.tolist() == [9, 15]
    assert not pairs.source[0, 9:].any()


def test_stripes_are_blank_and_the_rest_is_unchanged():
    pairs = pairs_of(DRAWN)
    changed = blanked(np.random.default_rng(2), pairs)
    before, after = (each.source.reshape(pairs.size, -1, BANDS) for each in (pairs, changed))
    kept = after == before
    assert (kept | (after == 0)).all()
    assert (kept[:, :20] == kept[:, :1]).all()  # a band is blank for the whole utterance
    blank = (~kept[:, 0]).sum(axis=1)
    assert 0 < blank.max() <= 10
    assert len(np.unique(kept[:, 0], axis=0)) > 5
    assert (changed.target is pairs.target, pairs.source is changed.source) == (True, False)
