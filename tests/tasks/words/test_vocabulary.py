"""Text to ids and back."""

import numpy as np
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


def test_byte_pairs_are_learned_in_the_order_of_their_frequency():
    vocabulary = Vocabulary.of_byte_pairs("low lower lowest", 10)
    assert vocabulary.symbols == (" ", "e", "l", "o", "r", "s", "t", "w", "lo", "low")


def test_byte_pairs_of_a_run_merge_from_left_to_right():
    vocabulary = Vocabulary(("a", "b", "aa"))
    assert vocabulary.encode("aaabaa").tolist() == [2, 0, 1, 2]
    assert vocabulary.encode("aaaa").tolist() == [2, 2]


def test_byte_pairs_give_back_any_text_of_known_characters_in_fewer_symbols():
    text = "the cat sat on the mat, the rat sat on the cat"
    vocabulary = Vocabulary.of_byte_pairs(text, 24, others="xyz")
    ids = vocabulary.encode(text)
    assert (vocabulary.size, len(ids) < len(text) / 2) == (24, True)
    assert vocabulary.lengths[ids].sum() == len(text)
    for other in (text, "xyz the", "tatata", ""):
        assert vocabulary.decode(vocabulary.encode(other)) == other
    assert Vocabulary(vocabulary.symbols).encode(text).tolist() == ids.tolist()  # the symbols are the code


def test_byte_pairs_end_where_no_pair_comes_twice():
    assert Vocabulary.of_byte_pairs("abcd", 100).symbols == ("a", "b", "c", "d")
    assert Vocabulary.of_byte_pairs("", 5).symbols == ()


def test_characters_have_length_one():
    vocabulary = Vocabulary.of_characters("ab", special=True)
    np.testing.assert_array_equal(vocabulary.lengths, 1)
    assert vocabulary.merges == {}
