"""Every task that ships, at full size: the loss falls, and a resumed run equals the unbroken one."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.classification.cleaning import Prepared
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run

BATCHES = 8
"""In each of three epochs."""
JUDGED = 61
SHIPPED = [name for name, task in TASKS.items() if set(task.required) <= set(task.defaults)]


def few_batches(data, settings):
    """The data; but for a classification BATCHES of the training part and JUDGED examples of the others."""
    if isinstance(data, Prepared):
        return data
    train = data.train.some(slice(BATCHES * settings.batch_size))
    validation = data.validation and data.validation.some(slice(JUDGED))
    return data._replace(train=train, validation=validation, test=data.test.some(slice(JUDGED)))


@pytest.mark.slow
@pytest.mark.parametrize("task", SHIPPED)
def test_the_loss_falls_and_a_resumed_run_equals_the_unbroken_one(task, tmp_path):
    settings = with_defaults({"task": task})
    settings = settings._replace(
        epochs=3, lr=settings.lr / 4
    )  # two steps of warm-up are too few for all of it
    data = few_batches(load(settings), settings)
    whole = list(run_epochs(start_run(TASKS[task], settings, data), data))
    objective, seen = whole[-1].objectives()["learned"], data.train.some(np.arange(min(data.train.size, 64)))
    before, after = (
        objective.figures(params, seen).loss for params in (whole[-1].starts["learned"], whole[-1].params)
    )
    assert after < before
    run_folder.save_run(tmp_path, whole[0])
    kept = run_folder.read_run(tmp_path, TASKS)
    *_, last = run_epochs(kept, few_batches(load(kept.settings, facts=kept.facts), settings))
    ours, theirs = run_folder.to_arrays(last), run_folder.to_arrays(whole[-1])
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
