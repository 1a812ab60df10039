"""A vocabulary: text to ids and back."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief

PAD, START, END = 0, 1, 2
"""Ids of `SPECIAL` in every vocabulary that has them."""
SPECIAL = ("<pad>", "<start>", "<end>")


class _Symbols(NamedTuple):
    symbols: tuple[str, ...]


class Vocabulary(_Symbols):
    """Symbols, the id of each being its place.

    Examples
    --------
    >>> vocabulary = Vocabulary.of_characters("abacus", special=True)
    >>> vocabulary.symbols
    ('<pad>', '<start>', '<end>', 'a', 'b', 'c', 's', 'u')
    >>> vocabulary.encode("sub"), vocabulary.decode([6, 7, 4])
    (array([6, 7, 4]), 'sub')
    """

    @classmethod
    def of_characters(cls, text: Iterable[str], *, special: bool = False) -> "Vocabulary":
        """The different characters of a text, in order; `SPECIAL` before them where sequences have ends."""
        return cls((*(SPECIAL if special else ()), *sorted(set(text))))

    @property
    def size(self) -> int:
        """Number of symbols."""
        return len(self.symbols)

    @cached_property
    def places(self) -> dict[str, int]:
        """The id of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    def encode(self, text: str, name: str = "text") -> Array:
        """The ids of the characters of a text.

        Raises
        ------
        ValueError
            If a character is not in the vocabulary; it names the first one.
        """
        unknown = next((character for character in text if character not in self.places), None)
        if unknown is not None:
            known = "".join(symbol for symbol in self.symbols if len(symbol) == 1)
            raise ValueError(
                f"{name} holds {unknown!r}; characters that the model has seen are expected: {brief(known)}"
            )
        return np.array([self.places[character] for character in text], dtype=np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The symbols of ids, joined."""
        return "".join(self.symbols[int(place)] for place in ids)
