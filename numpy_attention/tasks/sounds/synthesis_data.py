"""Utterances for speech synthesis: words as symbols, who says them, and the spectrum frames wanted.

A word has `STATES` symbols of its own, from its beginning to its end, as in a hidden Markov model; a pause
stands between two words. An utterance is recordings of one speaker's take, one after the other.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..words.written import padded
from .spectrogram import log_mel
from .words import SpokenWords

BANDS = 40
STATES = 10
"""Symbols of a word."""
PAUSE = 4
"""Frames of a pause: 40 ms."""
SILENCE = -9.0
"""The least log-power of a band; what is below is as silent."""


class Recordings(NamedTuple):
    """N recordings of a word each, as log-mel frames."""

    frames: tuple[Array, ...]
    """N arrays (T, BANDS)"""
    word: Array
    """(N,)"""
    voice: Array
    """(N,)"""
    take: Array
    """(N,)"""

    def some(self, rows: Array) -> "Recordings":
        """The recordings where `rows` (N,) is True, or at these places."""
        places = np.arange(len(self.word))[rows]
        frames = tuple(self.frames[place] for place in places)
        return Recordings(frames, self.word[places], self.voice[places], self.take[places])


class Utterances(NamedTuple):
    """N utterances."""

    words: tuple[tuple[int, ...], ...]
    voice: Array
    """(N,)"""
    take: Array
    """(N,)"""
    frames: tuple[Array, ...]
    """N arrays (T, BANDS) of log-mel frames"""
    durations: tuple[tuple[int, ...], ...]
    """Frames of each word, and of each pause between"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.words)

    def some(self, rows: Any) -> "Utterances":
        """The utterances selected by an index array or a slice."""
        places = np.arange(self.size)[rows]
        return Utterances(
            tuple(self.words[place] for place in places),
            self.voice[places],
            self.take[places],
            tuple(self.frames[place] for place in places),
            tuple(self.durations[place] for place in places),
        )


def recordings_of(spoken: SpokenWords) -> Recordings:
    """The log-mel frames of recordings, their speakers numbered anew from 0."""
    frames = tuple(np.maximum(log_mel(clip, BANDS), SILENCE) for clip in spoken.clips)
    voice = np.unique(spoken.speaker, return_inverse=True)[1]
    return Recordings(frames, spoken.digit, voice, spoken.take)


def run_together(recordings: Recordings, groups: Iterable[Array]) -> Utterances:
    """The utterances of groups of recordings, each of one voice and take."""
    groups = list(groups)
    pause = np.full((PAUSE, BANDS), SILENCE, np.float32)
    pieces = [with_pauses([recordings.frames[place] for place in group], pause) for group in groups]
    frames: list[Array] = [np.concatenate(each) for each in pieces]
    first = [group[0] for group in groups]
    return Utterances(
        tuple(tuple(recordings.word[group].tolist()) for group in groups),
        recordings.voice[first],
        recordings.take[first],
        tuple(frames),
        tuple(tuple(len(piece) for piece in each) for each in pieces),
    )


def with_pauses(parts: Sequence[Any], pause: Any) -> list[Any]:
    """The parts, a pause between two.

    Examples
    --------
    >>> with_pauses(["one", "two"], " ")
    ['one', ' ', 'two']
    """
    return [piece for part in parts for piece in (pause, part)][1:]


def groups_of(
    recordings: Recordings, sizes: tuple[int, ...], rng: np.random.Generator | None = None
) -> list[Array]:
    """The places of all recordings, in groups of one voice and take, of these sizes in turn.

    In the order of their words; with rng, in random order.

    Examples
    --------
    >>> rows = np.array([2, 0, 1, 1])
    >>> groups_of(Recordings((), rows, np.array([0, 0, 0, 1]), np.zeros(4)), (2, 1))
    [array([1, 2]), array([0]), array([3])]
    """
    groups = []
    for voice, take in sorted(set(zip(recordings.voice.tolist(), recordings.take.tolist(), strict=True))):
        rows = np.flatnonzero((recordings.voice == voice) & (recordings.take == take))
        order = (
            np.argsort(recordings.word[rows], kind="stable") if rng is None else rng.permutation(len(rows))
        )
        ends = np.cumsum(np.resize(sizes, len(rows)))
        groups += np.split(rows[order], ends[ends < len(rows)])
    return groups


def symbol_count(words: int) -> int:
    """How many symbols there are for so many words: those of each, and the pause."""
    return words * STATES + 1


def symbols_of(words: Sequence[int]) -> tuple[Array, Array]:
    """The symbols (S,) of words one after the other, and which piece, a word or a pause, each belongs to.

    Examples
    --------
    >>> symbols, pieces = symbols_of([2, 0])
    >>> symbols[7:13].tolist(), pieces[7:13].tolist()
    ([28, 29, 30, 0, 1, 2], [0, 0, 0, 1, 2, 2])
    """
    parts = with_pauses([1 + word * STATES + np.arange(STATES) for word in words], np.zeros(1, int))
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def word_starts(words: Sequence[int]) -> Array:
    """The places where words begin among their symbols; the pause before belongs to the word before.

    Examples
    --------
    >>> word_starts([2, 0, 2]).tolist()
    [0, 11, 22]
    """
    return np.arange(len(words)) * (STATES + 1)


class Batch(NamedTuple):
    """Utterances as a model takes them, padded at their ends."""

    symbols: Array
    """(B, S)"""
    lengths: Array
    """(B,) how many of them are real"""
    pieces: Array
    """(B, P, S) 1 where a symbol belongs to a piece, a word or a pause"""
    durations: Array
    """(B, P) frames of each piece; 0 where there is none"""
    frames: Array
    """(B, T, BANDS)"""
    counts: Array
    """(B,) how many of them are real"""


def batch_of(utterances: Utterances) -> Batch:
    """The utterances, padded."""
    both = [symbols_of(words) for words in utterances.words]
    symbols, lengths = padded([symbols.tolist() for symbols, _ in both])
    durations, _ = padded(utterances.durations)
    pieces = np.zeros((len(both), durations.shape[1], symbols.shape[1]), np.float32)
    for row, (_, own) in enumerate(both):
        pieces[row, own, np.arange(len(own))] = 1
    counts = np.array([len(frames) for frames in utterances.frames])
    frames = np.zeros((len(both), counts.max(), BANDS), np.float32)
    for row, own in enumerate(utterances.frames):
        frames[row, : len(own)] = own
    return Batch(symbols, lengths, pieces, durations.astype(np.float32), frames, counts)
