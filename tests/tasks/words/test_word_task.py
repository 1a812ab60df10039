"""A task of words: a run repeats and resumes to the bit, a run folder gives it back, damage is named."""

import json

import numpy as np
import pytest

from numpy_attention.files import read_npz, write_npz
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.words.vocabulary import Vocabulary
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from tests.support.words import RHYME, rhyme_settings

TASKS = {"rhyme": RHYME}


def runs(**settings):
    settings = rhyme_settings(**settings)
    data = RHYME.load(settings)
    return list(run_epochs(start_run(RHYME, settings, data), data))


def same(one, other):
    ours, theirs = run_folder.to_arrays(one), run_folder.to_arrays(other)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def test_a_run_read_back_after_any_epoch_ends_in_the_same_bits(tmp_path):
    whole = runs(accumulate=2, clip=0.5)
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    for kept in whole[:-1]:
        run_folder.save_run(tmp_path, kept)
        read = run_folder.read_run(tmp_path, TASKS)
        same(read, kept)
        *_, last = run_epochs(read, RHYME.load(read.settings, read.facts))
        same(last, whole[-1])


def test_the_best_epoch_by_the_validation_part_is_kept(tmp_path):
    whole = runs(lr=0.1, epochs=6)
    losses = [row["validation_loss"] for row in whole[-1].history]
    best = int(np.argmin(losses))
    assert whole[-1].best_number == best + 1
    for name, array in flatten(whole[best].epochs["learned"].params).items():
        np.testing.assert_array_equal(flatten(whole[-1].params)[name], array, err_msg=name)
    assert best < 5
    run_folder.save_run(tmp_path, whole[-1])
    same(run_folder.read_run(tmp_path, TASKS), whole[-1])


def test_every_line_of_a_run(tmp_path, monkeypatch):
    last, data = runs()[-1], RHYME.load(rhyme_settings())
    assert [line.split("  ")[0] for line in RHYME.step_lines(last, data)] == [
        "task", "preprocess", "extract features", "allocate attention", "predict", "feed back", "iterate"
    ]  # fmt: skip
    rows = RHYME.held_out(last, data)
    assert RHYME.held_out_lines(last, data, rows)[-1] == "a rhyme"
    run_folder.save_run(tmp_path, last)
    monkeypatch.setattr(run_folder.Began, "now", lambda: run_folder.Began(17.0, 8.0))
    run_folder.write_result(tmp_path, last, rows, run_folder.Began(10.0, 3.0))
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["seconds"], result["processor_seconds"]) == (7.0, 5.0)
    assert result["ours"] == rows["language model"].loss
    assert (result["task"], result["metric"], result["baselines"]) == ("rhyme", "nats a character", {})
    assert result["parameters"] == sum(x.size for x in flatten(last.params).values())


def test_a_start_from_another_run_keeps_its_vocabulary_and_its_best_parameters():
    source = runs(lr=0.1, epochs=6)[-1]
    assert source.best_number < 6
    facts = source.facts._replace(vocabulary=Vocabulary(source.facts.vocabulary.symbols[::-1]))
    data = RHYME.load(rhyme_settings(), source=facts)
    assert data.vocabulary == facts.vocabulary
    run = start_run(RHYME, rhyme_settings(start_from="x"), data, source._replace(facts=facts))
    assert run.epochs["learned"].params is source.best
    assert list(run.epochs) == ["learned", "scratch"]


def test_a_setting_that_the_model_needs_is_not_none():
    with pytest.raises(ValueError, match=r"^layers is None; the task rhyme needs one$"):
        RHYME.objectives(
            rhyme_settings(layers=None), RHYME.facts(rhyme_settings(), RHYME.load(rhyme_settings()))
        )


@pytest.mark.parametrize("setting, value", [("score", "dot"), ("temperature", "learned")])
def test_settings_of_a_classification_are_refused(setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is '{value}'; the task rhyme has dot-product scores"):
        runs(**{setting: value})


@pytest.mark.parametrize(
    "facts, told",
    [
        ([1], "facts are not those of a run"),
        ({"symbols": ["a"]}, "facts are not those of a run"),
        ({"symbols": ["a", "a"], "target_symbols": None, "digest": None}, "symbols is"),
        ({"symbols": None, "target_symbols": None, "digest": None}, "symbols is None"),
        ({"symbols": ["a"], "target_symbols": [1], "digest": None}, "target_symbols is"),
        ({"symbols": ["a"], "target_symbols": None, "digest": 3}, "digest is 3"),
        ({"symbols": ["a"], "target_symbols": None, "digest": None}, "float32"),
    ],
)
def test_damaged_facts_are_named(tmp_path, facts, told):
    run_folder.save_run(tmp_path, runs(epochs=1)[-1])
    kept = {**read_npz(tmp_path / "run.npz"), "facts": np.array(json.dumps(facts))}
    write_npz(tmp_path / "run.npz", kept)
    with pytest.raises(ValueError, match=told) as refused:
        run_folder.read_run(tmp_path, TASKS)
    assert str(refused.value).startswith(str(tmp_path))
