"""The recogniser that ships: its files, their size and digest, and that it reads recordings."""

import hashlib
from pathlib import Path

import numpy as np

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.sounds import shipped_recogniser as shipped
from numpy_attention.tasks.sounds.recognition import digits_right
from numpy_attention.tasks.sounds.words import read_spoken_digits


def test_the_shipped_recogniser_is_small_and_whole():
    _, params = shipped.shipped_recogniser()
    arrays = flatten(params)
    assert {x.dtype for x in arrays.values()} == {np.dtype(np.float32)}
    assert sum(x.size for x in arrays.values()) <= 200_000
    assert sum(Path(file).stat().st_size for file in (shipped.WEIGHTS, shipped.FACTS)) < 400_000
    assert hashlib.sha256(shipped.WEIGHTS.read_bytes()).hexdigest() == shipped.DIGEST


def test_it_reads_three_words_of_each_speaker():
    spoken = read_spoken_digits()
    utterances, said = [], []
    for speaker in range(len(spoken.speakers)):
        rows = np.flatnonzero((spoken.speaker == speaker) & (spoken.take == 0))[[speaker % 10, 3, 7]]
        utterances.append(np.concatenate([spoken.clips[row] for row in rows]))
        said.append(spoken.digit[rows].tolist())
    assert digits_right(shipped.heard_digits(utterances), said) > 0.9
