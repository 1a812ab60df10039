"""Runs: where they start, what they record, and that they resume to the same bits."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load
from numpy_attention.tasks.classification.comparison import fixed_models
from numpy_attention.tasks.classification.report import start_lines
from numpy_attention.training.run import file_digest, first_epoch_at_scratch_loss, run_epochs
from numpy_attention.training.settings import Settings
from tests.support.runs import a_run, begin, settings_of, some_data


def test_the_parameters_of_another_run_are_the_start_and_scratch_is_beside():
    data = some_data()
    *_, source = run_epochs(begin(settings_of(epochs=2), data), data)
    settings = settings_of(batch_size=7, epochs=2, start_from="x")
    run = begin(settings, data, source)
    assert list(run.epochs) == ["learned", "uniform", "scratch"]
    for name in ("learned", "uniform"):
        assert run.epochs[name].params is source.epochs[name].params
        assert int(run.epochs[name].state["step"]) == 0
    fresh = begin(settings._replace(start_from=None), data).epochs["learned"].params
    scratch = run.epochs["scratch"].params
    np.testing.assert_array_equal(scratch["features"]["weight"], fresh["features"]["weight"])
    *_, last = run_epochs(run, data)
    whole = [row["loss"] for row in source.history]
    assert [row["scratch_loss"] for row in last.history] == whole


def test_a_start_of_another_shape_is_refused():
    data = some_data()
    (source,) = run_epochs(begin(settings_of(batch_size=7, epochs=1, hidden_dim=4), data), data)
    settings = settings_of(batch_size=7, hidden_dim=5, start_from="x")
    with pytest.raises(
        ValueError, match=r"x, a run of digit-bags, does not fit: .*features.weight is \(4, 3\); \(5, 3\)"
    ):
        begin(settings, data, source)
    settings = settings._replace(hidden_dim=4, score="dot")
    with pytest.raises(ValueError, match=r"does not fit: it has no learned.score.query; one of"):
        begin(settings, data, source)


def test_a_start_on_data_of_another_length_leaves_the_baseline_that_has_one():
    data, longer = some_data(), some_data(tokens=9)
    source = begin(settings_of("npz", npz=__file__), data)
    run = begin(settings_of("npz", npz=__file__, start_from="x", seed=1), longer, source)
    assert run.epochs["learned"].params is source.epochs["learned"].params
    assert run.epochs["logistic"].params["logistic"]["weight"].shape == (1, 27)
    assert fixed_models(run, 5) == ("logistic",)
    assert fixed_models(run, 9) == ()
    assert start_lines(run, source) == [
        "logistic regression starts from scratch: x fitted it to 5 tokens, the data have 9"
    ]
    assert start_lines(begin(source.settings, data, source), source) == []


def test_augmentation_changes_the_training_part_alone_and_depends_on_the_stream():
    settings = settings_of("digits")
    data = load(settings)
    changed = TASKS["digits"].changed(settings, begin(settings, data).facts, data)
    one, again, other = (changed(np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.x, again.x)
    assert (np.abs(one.x - other.x).max(axis=(1, 2)) > 0).all()
    np.testing.assert_array_equal(one.y, data.train.y)
    bags = load("digit-bags")
    assert TASKS["digit-bags"].changed(settings_of(), None, bags) is None


def test_a_batch_larger_than_the_training_part_is_all_of_it():
    whole, larger = (a_run(2, batch_size=size) for size in (17, 10**6))
    assert whole.history == larger.history


def test_the_summary_and_the_columns_of_the_history():
    run = a_run(2)
    assert run.facts[:-1] == (5, 3, ("no", "yes"), (9, 8), (), None, None)
    assert run.facts.sizes == (5, 3, 1)
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert list(run.history[0])[:5] == ["epoch", "loss", "accuracy", "uniform_loss", "focus.pooling"]
    assert (run.number, run.done, run.reached) == (2, False, False)


def test_until_ends_a_run_early():
    assert a_run(1, until="loss=9").done
    assert not a_run(1, until="accuracy=1").done
    assert a_run(3, until="accuracy=1").done


def test_the_best_epoch_is_the_first_of_the_least_validation_loss_and_patience_counts_from_it():
    run = begin(settings_of(patience=2, epochs=9))
    rows = tuple({"loss": 9.0 - n, "validation_loss": x} for n, x in enumerate((3.0, 1.0, 1.0, 2.0)))
    runs = [run._replace(history=rows[:n]) for n in range(5)]
    assert [run.best_number for run in runs] == [None, 1, 2, 2, 2]
    assert [run.done for run in runs] == [False, False, False, False, True]


def test_a_start_is_from_the_best_parameters_of_the_model_and_the_last_of_the_others():
    data = some_data()
    source = begin(settings_of(), data)
    best = begin(settings_of(seed=3), data).epochs["learned"].params
    run = begin(settings_of(start_from="x"), data, source._replace(best=best))
    assert run.epochs["learned"].params is best
    assert run.epochs["uniform"].params is source.epochs["uniform"].params


def test_the_first_epoch_at_the_loss_of_a_start_from_scratch():
    rows = [{"loss": x, "scratch_loss": y} for x, y in [(0.5, 0.7), (0.3, 0.5), (0.2, 0.3)]]
    assert first_epoch_at_scratch_loss(rows) == 2
    assert first_epoch_at_scratch_loss(rows[:1]) == 1
    assert first_epoch_at_scratch_loss([{"loss": 0.5}]) is None


def test_the_digest_is_that_of_the_user_s_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"abc")
    assert file_digest(Settings(npz=str(tmp_path / "a.npz"))).startswith("ba7816bf8f01cfea")  # FIPS 180
    assert file_digest(Settings()) is None
