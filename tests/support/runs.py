"""Small data and short runs for tests of training."""

import numpy as np

from numpy_attention.tasks import TASKS
from numpy_attention.tasks.classification.cleaning import prepare
from numpy_attention.tasks.classification.data import Data, Examples
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.settings import Settings


def some_data(classes=("no", "yes"), tokens=5):
    rng = np.random.default_rng(59)
    parts = (
        Examples(rng.normal(size=(size, tokens, 3)), np.arange(size, dtype=float) % len(classes))
        for size in (17, 7)
    )
    return prepare(Data(*parts, classes))


def settings_of(task="digit-bags", **settings):
    return Settings(**{"task": task, "heads": 2, "hidden_dim": 4, "batch_size": 7, "epochs": 3, **settings})


def begin(settings, data=None, source=None):
    """A run before its first epoch."""
    return start_run(TASKS[settings.task], settings, some_data() if data is None else data, source)


def a_run(epochs=1, data=None, **settings):
    """A run after some epochs."""
    data = some_data() if data is None else data
    run = begin(settings_of(**settings), data)
    training = run_epochs(run, data)
    for _ in range(epochs):
        run = next(training)
    return run
