"""The tasks copy, reverse and sort: answers, what is held out, learning, what positions are for."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.words import algorithms, translation
from numpy_attention.tasks.words.algorithms import (
    LETTERS,
    LONGEST,
    SHORTEST,
    VALIDATION_SEQUENCES,
    drawn_text,
    guessing,
    held_out,
    written_text,
)
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from tests.tasks.words.test_word_task import same

NAMES = ("copy", "reverse", "sort")
SMALL = {"hidden_dim": 8, "heads": 2, "epochs": 2, "batch_size": 16, "dropout": 0.1}


def small_run(name, patch):
    patch.setattr(translation, "EPOCH", 96)
    patch.setattr(algorithms, "TEST_SEQUENCES", 20)
    patch.setattr(algorithms, "AT_EACH_LENGTH", 5)
    settings = with_defaults({"task": name, **SMALL})
    data = load(settings)
    return data, list(run_epochs(start_run(TASKS[name], settings, data), data))


def test_the_answers_of_an_example():
    assert [written_text(name, "cabbage").translation for name in NAMES] == ["cabbage", "egabbac", "aabbceg"]
    aligned = [written_text(name, "bab").aligned.astype(int).tolist() for name in NAMES]
    assert aligned[0] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert aligned[1] == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert aligned[2] == [[0, 1, 0], [1, 0, 1], [1, 0, 1]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_held_out_sequences_are_not_trained_on(name, monkeypatch):
    data = load(name)
    trained = [data.vocabulary.decode(row[:n]) for row, n in zip(*data.train[:2], strict=True)]
    assert {len(text) for text in trained} == {*range(SHORTEST, LONGEST + 1)}
    assert not any(map(held_out, trained))
    assert all(held_out(one.text) for one in data.raw.test)
    assert data.validation.size == VALIDATION_SEQUENCES
    checked = []
    monkeypatch.setattr(algorithms, "drawn_examples", lambda *args, held: checked.append(held) or 1 / 0)
    run = start_run(TASKS[name], with_defaults({"task": name}), data)
    with pytest.raises(ZeroDivisionError):  # nothing is judged here
        algorithms.by_length(run, data)
    assert checked == [True]
    target = data.vocabulary.decode(data.train.target[0][1 : data.train.target_lengths[0] - 1])
    assert target == written_text(name, trained[0]).translation


def test_one_text_in_ten_is_held_out():
    rng = np.random.default_rng(0)
    texts = [drawn_text(rng, 3, held=True) for _ in range(2000)]
    assert 80 < len(set(texts)) < 120
    assert {*"".join(texts)} == {*LETTERS}


@pytest.mark.parametrize("name", ["copy", pytest.param("reverse", marks=pytest.mark.slow),
                                  pytest.param("sort", marks=pytest.mark.slow)])  # fmt: skip
def test_the_loss_falls_and_a_resumed_run_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    data, whole = small_run(name, monkeypatch)
    assert whole[1].history[-1]["loss"] < whole[0].history[-1]["loss"]
    run_folder.save_run(tmp_path, whole[0])
    *_, last = run_epochs(run_folder.read_run(tmp_path, TASKS), data)
    same(last, whole[-1])


def test_without_positions_the_encoder_sees_no_order(monkeypatch):
    data, whole = small_run("reverse", monkeypatch)
    objectives = whole[-1].objectives()
    source = np.array([[3, 4, 5, 6], [6, 4, 3, 5]])
    for name, alike in (("learned", False), ("no positions", True)):
        params = whole[-1].epochs[name].params
        logits, _ = objectives[name].model.forward(params, source, np.full((2, 3), 1))
        assert np.allclose(logits[0], logits[1], rtol=0, atol=1e-5) == alike


def test_guessing_counts_the_orders():
    examples = [written_text("copy", text) for text in ("aaa", "aab", "abc", "aabb")]
    assert guessing(examples) == pytest.approx((1 + 1 / 3 + 1 / 6 + 1 / 6) / 4)


def test_the_report_goes_to_twice_the_length_or_to_the_context(monkeypatch):
    data, whole = small_run("copy", monkeypatch)
    rows = TASKS["copy"].held_out(whole[-1], data)
    assert [*rows][:2] == ["encoder-decoder", "encoder-decoder, no positions"]
    lines = TASKS["copy"].held_out_lines(whole[-1], data, rows)
    assert [line.split()[0] for line in lines[-20:-2]] == [str(length) for length in range(3, 21)]
    share = guessing(data.raw.test)
    assert (
        lines[-1] == f"Without positions the order can only be guessed: {share:.4f} exact at most, on average"
    )
    short = with_defaults({"task": "copy", **SMALL, "context": 13})
    run = start_run(TASKS["copy"], short, data)
    assert algorithms.by_length(run, data)[-1].split()[0] == "12"


def test_a_context_without_room_is_refused():
    with pytest.raises(ValueError, match=r"^context is 10; at least 11 is expected$"):
        load(with_defaults({"task": "sort", "context": 10}))
