"""The table of tasks."""

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, load
from numpy_attention.training.cleaning import Normalisation
from numpy_attention.training.settings import Settings


def test_names_are_their_own():
    assert all(task.name == name for name, task in TASKS.items())


def test_an_unknown_task_is_refused_by_name():
    with pytest.raises(ValueError, match="task is 'digits-bag'; one of 'digit-bags', 'breast-cancer'"):
        load("digits-bag")


def test_a_normalisation_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="has 3 columns, the data have 64"):
        load("digit-bags", normalisation=Normalisation(np.zeros(3), np.ones(3)))


def test_settings_name_a_task_as_well():
    one, other = load("digit-bags", seed=3), load(Settings(seed=3))
    np.testing.assert_array_equal(one.test.x, other.test.x)
