"""The table of tasks."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load
from numpy_attention.tasks.cleaning import Normalisation


def test_names_are_their_own():
    assert all(task.name == name for name, task in TASKS.items())


def test_an_unknown_task_is_refused_by_name():
    with pytest.raises(ValueError, match="task is 'digits-bag'; one of 'digit-bags' is expected"):
        load("digits-bag")


def test_a_normalisation_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="has 3 columns, the data have 64"):
        load("digit-bags", normalisation=Normalisation(np.zeros(3), np.ones(3)))
