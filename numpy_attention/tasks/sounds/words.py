"""The spoken digits that ship with the package, and the held-out speakers; attribution in data/README.md."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...files import read_npz
from ...functional.base.admission import Array

SHIPPED = Path(__file__).parents[1] / "data" / "spoken_digits.npz"
HELD_OUT_SPEAKERS = ("rms", "slt", "en-us+f2", "en-gb+f4", "en-gb-scotland+f2", "en-029+m6")
MU = 255
"""Of the µ-law: how much finer the steps near 0 are."""


class SpokenWords(NamedTuple):
    """N recordings of one word each."""

    clips: tuple[Array, ...]
    """N waveforms, float32 at 8 kHz"""
    digit: Array
    """(N,) the word that is said, a place in `words`"""
    speaker: Array
    """(N,) who says it, a place in `speakers`"""
    take: Array
    """(N,) which of the speaker's recordings of this word it is"""
    speakers: tuple[str, ...]
    words: tuple[str, ...] = tuple("0123456789")

    @property
    def size(self) -> int:
        """N"""
        return len(self.clips)

    def some(self, rows: Any) -> "SpokenWords":
        """The recordings selected by an index array or a mask; speakers and words keep their places."""
        places = np.arange(self.size)[rows]
        return self._replace(
            clips=tuple(self.clips[place] for place in places),
            digit=self.digit[places],
            speaker=self.speaker[places],
            take=self.take[places],
        )

    def split(self, held_out: tuple[str, ...] = HELD_OUT_SPEAKERS) -> tuple["SpokenWords", "SpokenWords"]:
        """The recordings of the other speakers, and of those held out."""
        apart = np.array([name in held_out for name in self.speakers])[self.speaker]
        return self.some(~apart), self.some(apart)


def decoded(codes: Array) -> Array:
    """Samples of µ-law codes 0-255, float32.

    y = code / 255 * 2 - 1,   x = sign(y) ((1 + µ)^|y| - 1) / µ      ITU-T G.711, the continuous form

    Examples
    --------
    >>> decoded(np.array([0, 255], np.uint8)).tolist()
    [-1.0, 1.0]
    """
    y = codes / MU * 2 - 1
    return np.asarray(np.sign(y) * ((1 + MU) ** np.abs(y) - 1) / MU, dtype=np.float32)


def read_spoken_digits() -> SpokenWords:
    """The words zero to nine by 24 synthetic speakers, three takes each.

    Examples
    --------
    >>> train, held_out = read_spoken_digits().split()
    >>> train.size, held_out.size
    (540, 180)
    """
    data = read_npz(SHIPPED)
    ends = np.cumsum(data["lengths"])
    return SpokenWords(
        tuple(np.split(decoded(data["samples"]), ends[:-1])),
        data["digit"].astype(int),
        data["speaker"].astype(int),
        data["take"].astype(int),
        tuple(str(name) for name in data["speakers"]),
    )
