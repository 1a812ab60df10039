"""Sources and targets in pieces: their texts, their ids, and which belong together."""

import numpy as np

from numpy_attention.tasks.words.vocabulary import SPECIAL, Vocabulary
from numpy_attention.tasks.words.written import Piece, Written, written_pairs

ONE = Written(
    (Piece("May", "m"), Piece(" "), Piece("063", "md")), (Piece("5", "m"), Piece("-"), Piece("x", "d"))
)


def test_texts_are_the_pieces_joined():
    assert (ONE.text, ONE.translation) == ("May 063", "5-x")


def test_what_stands_for_the_same_is_aligned():
    expected = [[1, 1, 1, 0, 1, 1, 1], [0] * 7, [0, 0, 0, 0, 1, 1, 1]]
    np.testing.assert_array_equal(ONE.aligned, np.array(expected, dtype=bool))


def test_ids_decode_to_the_texts():
    source, target = Vocabulary.of_characters(ONE.text, special=True), Vocabulary((*SPECIAL, "5", "-", "x"))
    pairs = written_pairs([ONE, ONE], source, target)
    assert source.decode(pairs.source[1]) == "May 063"
    assert target.decode(pairs.target[1]) == "<start>5-x<end>"
