"""A folder of WAV files, a word each: LABEL_SPEAKER_NUMBER.wav, as the Free Spoken Digit Dataset has them."""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from ...files import PathLike
from ...functional.base.admission import Array
from ...functional.base.wording import brief, counted
from ...training.run import wav_files
from ...training.streams import EXAMPLES, stream
from ..hold_out import held_out_rows
from .spectrogram import RATE, STEP
from .wav import read_wav
from .words import SpokenWords

NAME = re.compile(r"([^_]+)_(.+)_([^_]+)")
QUIET, LOUDNESS = 0.02, 0.12
"""Silence is below this share of the loudest step; a word is brought to this root mean square."""
LONGEST_WORD = 1.2
"""Seconds of a word without the silence around it."""
HELD_OUT_SHARE = 0.25
"""Of the speakers, one at least."""


def read_words(folder: PathLike) -> tuple[SpokenWords, list[str]]:
    """The words of a folder, silence cut off and equally loud; and a phrase for each change of the files.

    Raises
    ------
    ValueError
        If it is no folder, holds no WAV file or one of another name, one word alone, or a file is silent or
        holds more than a word, or as `read_wav`.
    OSError
        If a file cannot be read.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"{folder} is not a folder; a folder of WAV files is expected")
    files = wav_files(folder)
    if not files:
        raise ValueError(f"{folder} holds no WAV file; files such as 7_alice_0.wav are expected")
    names, clips, changes = [], [], Counter[str]()
    for file in files:
        name = NAME.fullmatch(file.stem)
        if name is None:
            raise ValueError(
                f"{file} has a name without label and speaker; LABEL_SPEAKER_NUMBER.wav is expected, such as "
                "7_alice_0.wav"
            )
        names.append(name.groups())
        samples, notes = read_wav(file)
        clips.append(trimmed(file, samples))
        changes.update(notes)
    labels, speakers, _ = zip(*names, strict=True)
    words, digit = np.unique(labels, return_inverse=True)
    if len(words) < 2:
        raise ValueError(f"{folder} holds one word, {brief(labels[0])}; two or more are expected")
    people, speaker = np.unique(speakers, return_inverse=True)
    phrases = [f"{counted(number, 'file')} of {change}" for change, number in changes.items()]
    return SpokenWords(
        tuple(clips),
        digit,
        speaker,
        take_numbers(digit, speaker),
        tuple(map(str, people)),
        tuple(map(str, words)),
    ), phrases


def take_numbers(digit: Array, speaker: Array) -> Array:
    """0, 1, 2, … for the recordings of the same word by the same speaker, in order.

    Examples
    --------
    >>> take_numbers(np.array([4, 4, 5, 4]), np.array([0, 0, 0, 1]))
    array([0, 1, 0, 0])
    """
    seen = Counter[tuple[int, int]]()
    takes = []
    for both in zip(digit.tolist(), speaker.tolist(), strict=True):
        takes.append(seen[both])
        seen[both] += 1
    return np.array(takes)


def trimmed(file: PathLike, x: Array) -> Array:
    """The word in a recording x (n,), float32, mean 0, without the silence before and behind it.

    Silent is what is constant, too: the zero of a microphone may be off.

    Raises
    ------
    ValueError
        If it is silent, or longer than a word; it names the file.
    """
    loudness = np.pad(x, (0, -len(x) % STEP), mode="edge").reshape(-1, STEP).std(axis=1)
    if not loudness.any():
        raise ValueError(f"{file} is silent; a word is expected")
    loud = np.flatnonzero(loudness > QUIET * loudness.max())
    x = x[max(loud[0] - 1, 0) * STEP : (loud[-1] + 3) * STEP]
    if len(x) > LONGEST_WORD * RATE:
        raise ValueError(
            f"{file} has {len(x) / RATE:.1f} s of sound; one word of {LONGEST_WORD} s at most is expected"
        )
    return np.asarray((x - x.mean()) / x.std() * LOUDNESS, dtype=np.float32)


def split_speakers(words: SpokenWords, seed: int) -> tuple[SpokenWords, SpokenWords, str]:
    """The part to train on, the held-out part, and a phrase that says what is held out.

    A quarter of the speakers; of one speaker alone, a fifth of the recordings of each word.

    Raises
    ------
    ValueError
        If a word is said by held-out speakers alone, or one speaker says each word once.
    """
    if len(words.speakers) > 1:
        order = stream(seed, EXAMPLES).permutation(len(words.speakers))
        held_out = order[: max(round(HELD_OUT_SHARE * len(order)), 1)]
        train, test = words.split(tuple(words.speakers[place] for place in held_out))
        phrase = f"{counted(len(held_out), 'speaker')} of {len(order)} held out"
    else:
        rows = held_out_rows(stream(seed, EXAMPLES), words.digit)
        train, test = words.some(~rows), words.some(rows)
        phrase = "one speaker, so a fifth of the recordings is held out"
    unknown = set(test.digit) - set(train.digit)
    if unknown:
        word = brief(words.words[min(unknown)])
        raise ValueError(
            f"the word {word} is said by held-out speakers alone; more speakers are expected to say it"
        )
    if not test.size:
        raise ValueError(
            "one speaker says each word once, so none can be held out; more recordings are expected"
        )
    return train, test, phrase
