"""What translation tasks write: a source and its target, in pieces that say what they stand for.

The same letter on both sides marks what belongs together, so the right alignment is known.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .examples import Pairs
from .vocabulary import END, PAD, START, Vocabulary


class Piece(NamedTuple):
    """A part of a text."""

    text: str
    means: str = ""
    """What it stands for, a letter each: "y" for the year; "" for nothing, as a comma"""


class Written(NamedTuple):
    """A source, whose symbols are characters; and its target, whose symbols are pieces."""

    source: tuple[Piece, ...]
    target: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The source."""
        return joined(self.source)

    @property
    def translation(self) -> str:
        """The target."""
        return joined(self.target)

    @property
    def aligned(self) -> Array:
        """(T, S): True where a symbol of the target and a character of the source stand for the same."""
        columns = [piece.means for piece in self.source for _ in piece.text]
        rows = [[not set(piece.means).isdisjoint(means) for means in columns] for piece in self.target]
        return np.array(rows, dtype=bool).reshape(len(self.target), len(columns))


def joined(pieces: Iterable[Piece]) -> str:
    """The text of pieces."""
    return "".join(piece.text for piece in pieces)


def written_pairs(examples: Sequence[Written], source: Vocabulary, target: Vocabulary) -> Pairs:
    """Examples as ids, padded to the longest.

    Examples
    --------
    >>> written = [Written((Piece("ab"),), (Piece("one"), Piece("-two"))), Written((Piece("a"),), ())]
    >>> special = ("<pad>", "<start>", "<end>")
    >>> written_pairs(written, Vocabulary((*special, "a", "b")), Vocabulary((*special, "-two", "one")))
    Pairs(source=array([[3, 4],
           [3, 0]]), source_lengths=array([2, 1]), target=array([[1, 4, 3, 2],
           [1, 2, 0, 0]]), target_lengths=array([4, 2]))
    """
    sources = [[source.places[character] for character in one.text] for one in examples]
    targets = [[START, *(target.places[piece.text] for piece in one.target), END] for one in examples]
    return Pairs(*padded(sources), *padded(targets))


def padded(rows: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Rows of ids (N, longest), `PAD` after each, and their lengths (N,)."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.full((len(rows), int(lengths.max(initial=0))), PAD, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths
