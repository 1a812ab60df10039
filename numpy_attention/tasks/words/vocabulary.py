"""A vocabulary: text to ids and back; its symbols are characters, or characters and pairs of symbols.

A byte-pair code grows a vocabulary: the two symbols that most often stand side by side become one, again and
again. Text is encoded as it was learned: characters first, then in order of ids whatever pair makes a symbol.
"""

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

    @classmethod
    def of_byte_pairs(cls, text: str, size: int, others: str = "") -> "Vocabulary":
        """The characters of a text and of `others`, and pairs that are frequent in the text.

        Up to `size` symbols; fewer if no pair comes twice.

        Examples
        --------
        >>> vocabulary = Vocabulary.of_byte_pairs("banana ananas", 7)
        >>> vocabulary.symbols, vocabulary.encode("ban an").tolist()
        ((' ', 'a', 'b', 'n', 's', 'an', 'ana'), [2, 5, 0, 5])

        References
        ----------
        Gage 1994, A new algorithm for data compression; Sennrich et al. 2016.
        """
        symbols = list(cls.of_characters(text + others).symbols)
        ids = cls(tuple(symbols)).encode(text)
        while len(symbols) < size and (pair := _most_frequent(ids, symbols)) is not None:
            ids = _merged(ids, [pair], len(symbols))
            symbols.append(symbols[pair[0]] + symbols[pair[1]])
        return cls(tuple(symbols))

    @property
    def size(self) -> int:
        """Number of symbols."""
        return len(self.symbols)

    @cached_property
    def places(self) -> dict[str, int]:
        """The id of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    @cached_property
    def lengths(self) -> Array:
        """(size,) the characters of each symbol."""
        return np.array([1 if symbol in SPECIAL else len(symbol) for symbol in self.symbols])

    @cached_property
    def merges(self) -> dict[int, list[tuple[int, int]]]:
        """The pairs of earlier symbols that make a symbol, by its id."""
        merges = {}
        for place, symbol in enumerate(self.symbols):
            halves = [(symbol[:at], symbol[at:]) for at in range(1, len(symbol))]
            pairs = [(self.places.get(a, place), self.places.get(b, place)) for a, b in halves]
            made = [pair for pair in pairs if max(pair) < place]
            if made and symbol not in SPECIAL:
                merges[place] = made
        return merges

    def encode(self, text: str, name: str = "text") -> Array:
        """The ids of a text.

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
        ids = np.array([self.places[character] for character in text], dtype=np.int64)
        for place, pairs in self.merges.items():
            ids = _merged(ids, pairs, place)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The symbols of ids, joined."""
        return "".join(self.symbols[int(place)] for place in ids)


def _most_frequent(ids: Array, symbols: list[str]) -> tuple[int, int] | None:
    """The most frequent pair that comes twice at least and makes a new symbol; the first of several."""
    counts = np.bincount(ids[:-1] * len(symbols) + ids[1:], minlength=1)
    while counts[pair := int(counts.argmax())] > 1:
        first, second = divmod(pair, len(symbols))
        if symbols[first] + symbols[second] not in symbols:
            return first, second
        counts[pair] = 0
    return None


def _merged(ids: Array, pairs: list[tuple[int, int]], new: int) -> Array:
    """The ids with `new` in place of each of the pairs, from left to right."""
    hits = [(ids[:-1] == first) & (ids[1:] == second) for first, second in pairs]
    places = np.flatnonzero(np.logical_or.reduce(hits))
    if not places.size:
        return ids
    apart = np.diff(places, prepend=-2) > 1  # places next to each other overlap: every second one counts
    run_starts = np.maximum.accumulate(np.where(apart, places, 0))
    places = places[(places - run_starts) % 2 == 0]
    out, kept = ids.copy(), np.ones(len(ids), dtype=bool)
    out[places], kept[places + 1] = new, False
    return out[kept]
