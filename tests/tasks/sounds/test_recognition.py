"""Recognition: edit distances, the digit error rate, greedy decoding, how attention moves."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention.tasks.sounds.recognition import (
    TOKEN,
    Recognising,
    alignment,
    attended,
    digits_right,
    edit_distance,
    recognised,
    recogniser,
)
from numpy_attention.tasks.sounds.utterances import Utterance, pairs_of
from numpy_attention.tasks.words.vocabulary import END

RNG = np.random.default_rng(0)
UTTERANCES = [
    Utterance(RNG.normal(size=size), digits) for size, digits in ((4000, (1, 2)), (9000, (0, 3, 3)))
]
PAIRS = pairs_of(UTTERANCES)
OBJECTIVE = Recognising(replace(recogniser(5, 8, 2, 1).model, context=30))
PARAMS = OBJECTIVE.init(np.random.default_rng(1))


@pytest.mark.parametrize(
    "one, other, expected",
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abcd", "bcda", 2)],
)
def test_edit_distances_by_hand(one, other, expected):
    assert edit_distance(list(map(ord, one)), list(map(ord, other))) == expected


def test_insertions_count_and_the_share_right_is_never_negative():
    assert digits_right([[1, 2, 3]], [[1, 2]]) == 0.5
    assert digits_right([[1] * 9], [[2, 3]]) == 0


def test_the_figure_is_that_of_greedy_decoding():
    found = recognised(OBJECTIVE.model, PARAMS, PAIRS)
    figures = OBJECTIVE.figures(PARAMS, PAIRS)
    assert figures.accuracy == digits_right(found, [one.digits for one in UTTERANCES])
    told = pairs_of([one._replace(digits=tuple(ids[:4])) for one, ids in zip(UTTERANCES, found, strict=True)])
    if all(0 < len(ids) <= 4 for ids in found):
        assert OBJECTIVE.figures(PARAMS, told).accuracy == 1
    assert figures.loss > 0


def test_the_figure_compares_with_the_digits_said(monkeypatch):
    monkeypatch.setattr("numpy_attention.tasks.sounds.recognition.recognised", lambda *_: [[1, 2], [0, 3, 1]])
    assert OBJECTIVE.figures(PARAMS, PAIRS).accuracy == pytest.approx(0.8)


def test_decoded_symbols_that_are_no_digits_are_left_out(monkeypatch):
    monkeypatch.setattr(
        "numpy_attention.tasks.sounds.recognition.translated", lambda *_: [[3, 1, 7], [END, 0]]
    )
    assert recognised(OBJECTIVE.model, PARAMS, PAIRS) == [[0, 4], []]


def test_attention_of_each_recording_has_its_own_size_and_adds_up_to_one():
    weights = attended(OBJECTIVE.model, PARAMS, PAIRS)
    assert [own.shape for own in weights] == [(2, PAIRS.source_lengths[0]), (3, PAIRS.source_lengths[1])]
    for own in weights:
        np.testing.assert_allclose(own.sum(axis=1), 1, rtol=1e-5)


def test_attention_that_goes_back_is_not_forward_and_weight_elsewhere_is_not_within():
    one = Utterance(np.zeros(0), (1, 2, 3), (0, 4 * TOKEN, 8 * TOKEN), (4 * TOKEN, 8 * TOKEN, 12 * TOKEN))
    weights = np.eye(12)[[1, 6, 5]]
    moved = alignment([weights], [one])
    assert moved.forward == 0.5
    np.testing.assert_allclose(moved.within, 2 / 3)
    assert alignment([np.eye(12)[[1, 1, 9]]], [one]).forward == 0.5  # to stay is not to move
    np.testing.assert_allclose(alignment([np.full((3, 12), 1 / 12)], [one]).within, moved.uniform)
