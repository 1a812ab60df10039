"""The task induction: what follows a second occurrence, what is held out, and the stripes of heads."""

from itertools import pairwise

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.words import induction
from numpy_attention.tasks.words.algorithms import held_out
from numpy_attention.tasks.words.induction import (
    LETTERS,
    LONGEST,
    ONE_LAYER,
    SHORTEST,
    attention_weights,
    drawn_rows,
    repeating,
    stripe_lines,
    stripes,
)
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.settings import Settings

DRAWN = drawn_rows(np.random.default_rng(5), np.arange(SHORTEST, LONGEST + 1).repeat(7), held=False)
TWO_LETTERS = np.array([[5, 3, 7, 2], [1, 0, 4, 6]]), np.array([3, 4]), np.array([0, 2])
TWO = repeating(*TWO_LETTERS, 7)


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("EPOCH", 64), ("TEST_ROWS", 11), ("VALIDATION_ROWS", 7), ("AT_EACH_LENGTH", 3)):
            patch.setattr(induction, name, size)
        settings = with_defaults({"task": "induction", "hidden_dim": 12, "heads": 3, "epochs": 1})
        data = load(settings)
        *_, last = run_epochs(start_run(TASKS["induction"], settings, data), data)
        yield data, last


def test_rows_by_hand():
    assert TWO.rows.tolist() == [[5, 3, 7, 5, 3, 7, 5], [1, 0, 4, 6, 4, 6, 4]]
    assert TWO.judged.astype(int).tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]
    longer = repeating(*TWO_LETTERS, 9, once=True)
    assert longer.judged.astype(int).tolist() == [[0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0]]
    assert TWO.successors.tolist() == [[0, 0, 0, 1, 2, 3], [0, 0, 0, 0, 3, 4]]


def test_what_is_judged_followed_the_same_letter_before():
    for row, judged in zip(DRAWN.rows, DRAWN.judged, strict=True):
        pairs = list(pairwise(row))
        for place, pair in enumerate(pairs):
            before = [other for other in pairs[:place] if other[0] == pair[0]]
            assert bool(before) == judged[place]
            assert set(before) <= {pair}


def test_a_successor_stands_after_the_only_earlier_occurrence():
    for row, successors in zip(DRAWN.rows, DRAWN.successors, strict=True):
        for place, letter in enumerate(row[:-1]):
            earlier = np.flatnonzero(row[:place] == letter)
            assert successors[place] == (earlier[0] + 1 if len(earlier) == 1 else 0)


def test_first_letters_are_different_and_held_out_ones_are_not_trained_on(run):
    data, last = run
    epoch = TASKS["induction"].resampled(np.random.default_rng(3), last.settings, data)
    trained = [(part, False) for part in (DRAWN, data.train, epoch)]
    for part, held in (*trained, (data.validation, True), (data.test, True)):
        texts = ["".join(LETTERS[i] for i in row[:n]) for row, n in zip(part.rows, part.firsts, strict=True)]
        assert all(len(set(text)) == len(text) and held_out(text) == held for text in texts)
    assert np.array_equal(data.test.judged, data.test.successors > 0)
    assert {*map(int, data.train.firsts)} == {*range(SHORTEST, LONGEST + 1)}
    assert (data.train.firsts - data.train.starts >= 2).all()


def test_every_epoch_has_other_rows(run):
    data, _ = run
    one, same, other = (
        induction.resampled(np.random.default_rng(seed), Settings(), data) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.rows, same.rows)
    assert not np.array_equal(one.rows, other.rows)
    assert one.size == data.train.size


def test_the_accuracy_by_length_is_of_held_out_rows(run, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        induction, "drawn_rows", lambda *args, **kind: drawn.append(kind["held"]) or drawn_rows(*args, **kind)
    )
    assert len(induction.by_length(run[1], run[0])) == 2 + len(drawn)
    assert drawn == [True] * 14


def test_stripes_of_weights_by_hand():
    weights = np.zeros((1, 2, 3, 6, 6))
    places = np.arange(6)
    weights[0, [[0], [1]], 0, places, TWO.successors] = 1  # an induction head
    weights[0, :, 1, places, np.maximum(places - 1, 0)] = 1  # a previous-token head
    weights[0, :, 2] = np.tril(np.ones((6, 6))) / np.arange(1, 7)[:, None]
    on_successor, on_previous, *uniform = stripes(weights, TWO)
    chance = (1 / 4 + 1 / 5 + 1 / 6 + 1 / 5 + 1 / 6) / 5
    before = (1 / 2 + 1 / 3 + 1 / 2 + 1 / 3 + 1 / 4) / 5
    np.testing.assert_allclose(on_successor, [[1, 2 / 5, chance]])  # of "c d c" it is the letter before
    np.testing.assert_allclose(on_previous, [[2 / 5, 1, before]])
    np.testing.assert_allclose(uniform, [chance, before])


def test_every_line_of_the_report(run):
    data, last = run
    rows = last.task.held_out(last, data)
    assert [*rows] == ["language model", f"language model, {ONE_LAYER}"]
    lines = last.task.held_out_lines(last, data, rows)
    start = lines.index("Accuracy by length; 8 is the longest trained on") + 2
    assert [line.split()[0] for line in lines[start : start + 14]] == [str(n) for n in range(3, 17)]
    table = stripe_lines(last, data.test)
    assert [line.split("  ")[0] for line in table[1:]] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)
    ] + ["uniform weights"]
    assert lines[start + 15 : start + 15 + len(table)] == table


def test_the_head_that_is_shown_has_the_largest_stripe(run):
    data, last = run
    on_successor, *_ = stripes(attention_weights(last, data.test), data.test)
    shown = last.task.attention_map(last, data)
    layer, head = (int(word.strip(",")) for word in shown.title.split() if word.strip(",").isdigit())
    assert on_successor[layer - 1, head - 1] == on_successor.max()
    assert "".join(shown.rows) == "".join(LETTERS[i] for i in data.test.rows[0, :-1])
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1)


def test_one_layer_is_the_same_model_otherwise(run):
    objectives = run[1].objectives()
    sizes = {name: len(objective.shapes()["layers"]) for name, objective in objectives.items()}
    assert sizes == {"learned": 2, ONE_LAYER: 1}
    assert objectives[ONE_LAYER].shapes()["layers"]["0"] == objectives["learned"].shapes()["layers"]["0"]


def test_a_context_without_room_is_refused():
    with pytest.raises(ValueError, match=r"^context is 15; at least 16 is expected$"):
        load(with_defaults({"task": "induction", "context": 15}))
