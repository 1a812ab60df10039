"""Text to ids and back."""

import pytest

from numpy_attention.tasks.words.vocabulary import END, PAD, SPECIAL, START, Vocabulary


def test_there_and_back():
    vocabulary = Vocabulary.of_characters("banana", special=True)
    assert vocabulary.symbols == (*SPECIAL, "a", "b", "n")
    assert (PAD, START, END) == (0, 1, 2)
    assert vocabulary.decode(vocabulary.encode("nab")) == "nab"
    assert Vocabulary.of_characters("banana").encode("").shape == (0,)


def test_an_unknown_character_is_named():
    with pytest.raises(
        ValueError, match=r"^prompt holds 'x'; characters that the model has seen are expected"
    ):
        Vocabulary.of_characters("ab").encode("abx", "prompt")
