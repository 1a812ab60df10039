"""The kind of task: a validation part is set aside where training stops early by it, and is not held out."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load
from numpy_attention.tasks.classification.classification import with_validation
from numpy_attention.tasks.classification.data import Data, Examples
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.settings import Settings
from tests.support.runs import some_data


def test_patience_sets_a_tenth_of_the_training_part_aside():
    data, plain = load(Settings(task="digits", patience=3)), load("digits")
    assert (data.train.size, data.validation.size) == (808, 90)
    rows = np.concatenate([data.raw.train.x, data.raw.validation.x]).reshape(898, -1)
    assert np.array_equal(np.unique(rows, axis=0), np.unique(plain.raw.train.x.reshape(898, -1), axis=0))
    np.testing.assert_array_equal(data.raw.test.x, plain.raw.test.x)
    assert plain.validation is None


def test_the_seed_draws_the_validation_part():
    part = Examples(np.arange(40.0).reshape(20, 2, 1), np.zeros(20))
    one, other, again = (with_validation(Data(part, part), seed) for seed in (0, 1, 0))
    assert not np.array_equal(one.validation.x, other.validation.x)
    np.testing.assert_array_equal(one.validation.x, again.validation.x)


def test_one_training_example_leaves_nothing_to_set_aside():
    part = Examples(np.ones((1, 2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="the training part has 1 examples; patience needs two"):
        with_validation(Data(part, part), 0)


def test_training_stops_after_patience_epochs_and_the_best_epoch_is_kept():
    data = some_data()
    data = data._replace(raw=data.raw._replace(validation=data.raw.test))
    settings = Settings(task="digit-bags", epochs=60, lr=0.3, batch_size=4, patience=2)
    runs = list(run_epochs(start_run(TASKS["digit-bags"], settings, data), data))
    losses = [row["validation_loss"] for row in runs[-1].history]
    best = int(np.argmin(losses)) + 1
    assert (runs[-1].best_number, runs[-1].number) == (best, best + 2)
    assert runs[-1].params is runs[best - 1].epochs["learned"].params
    objective = runs[-1].objectives()["learned"]
    assert objective.figures(runs[-1].params, data.validation).loss == min(losses)
