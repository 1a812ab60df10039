"""Utterances for speech synthesis: recordings run together, their symbols, groups, and padding."""

import numpy as np

from numpy_attention.tasks.sounds.synthesis_data import (
    BANDS,
    PAUSE,
    SILENCE,
    STATES,
    Recordings,
    batch_of,
    groups_of,
    recordings_of,
    run_together,
    symbol_count,
    symbols_of,
    word_starts,
)
from numpy_attention.tasks.sounds.words import read_spoken_digits


def recordings(sizes=(3, 5, 2, 4), word=(1, 0, 1, 2), voice=(0, 0, 1, 0), take=(0, 0, 0, 0)):
    frames = tuple(np.full((size, BANDS), float(place)) for place, size in enumerate(sizes))
    return Recordings(frames, np.array(word), np.array(voice), np.array(take))


def test_shipped_recordings_become_frames_of_numbered_voices():
    spoken = read_spoken_digits().some(np.arange(60, 90))
    made = recordings_of(spoken)
    assert set(made.voice) == {0}
    assert all(frames.shape[1] == BANDS and frames.min() >= SILENCE for frames in made.frames)
    some = made.some(made.word == 4)
    assert (len(some.frames), set(some.word)) == (3, {4})


def test_words_are_run_together_with_pauses():
    one, other = (run_together(recordings(), [np.array(group)]) for group in ([1, 0, 3], [2]))
    assert (one.words, one.durations) == (((0, 1, 2),), ((5, PAUSE, 3, PAUSE, 4),))
    assert (other.words, other.voice.tolist()) == (((1,),), [1])
    (frames,) = one.frames
    np.testing.assert_array_equal(
        frames[:, 0], [1.0] * 5 + [SILENCE] * PAUSE + [0.0] * 3 + [SILENCE] * PAUSE + [3.0] * 4
    )
    both = run_together(recordings(), [np.array([0]), np.array([2])])
    assert both.some(np.array([1])).durations == ((2,),)


def test_groups_hold_every_recording_once_and_never_two_voices_or_takes():
    many = recordings((2,) * 40, np.arange(40) % 10, np.arange(40) // 20, np.arange(40) // 10 % 2)
    counts = set()
    for seed in range(3):
        groups = groups_of(many, (2, 3, 1), np.random.default_rng(seed))
        counts.add(tuple(map(len, groups)))
        assert sorted(np.concatenate(groups)) == list(range(40))
        for group in groups:
            assert len(set(many.voice[group])) == len(set(many.take[group])) == 1
    assert counts == {(2, 3, 1, 2, 2) * 4}
    assert [group.tolist() for group in groups_of(many, (3, 3, 4))[:2]] == [[0, 1, 2], [3, 4, 5]]


def test_symbols_differ_for_every_word_and_state():
    symbols, pieces = symbols_of([4, 0])
    assert len(set(symbols)) == len(symbols) == 2 * STATES + 1
    assert symbols.max() < symbol_count(5)
    assert np.bincount(pieces).tolist() == [STATES, 1, STATES]
    assert symbols[word_starts([4, 0])].tolist() == [1 + 4 * STATES, 1]


def test_a_batch_is_padded():
    batch = batch_of(run_together(recordings(), [np.array([1, 0]), np.array([2])]))
    assert batch.symbols.shape == (2, 2 * STATES + 1)
    assert batch.lengths.tolist() == [2 * STATES + 1, STATES]
    assert batch.durations.tolist() == [[5, PAUSE, 3], [2, 0, 0]]
    assert batch.counts.tolist() == [8 + PAUSE, 2]
    assert batch.frames.shape == (2, 8 + PAUSE, BANDS)
    assert batch.pieces.sum(axis=-1).tolist() == [[STATES, 1, STATES], [STATES, 0, 0]]
    np.testing.assert_array_equal(batch.pieces.sum(axis=1), np.arange(21) < batch.lengths[:, None])
