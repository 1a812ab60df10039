"""The registry of tasks, and settings by their defaults."""

import numpy as np

from numpy_attention.tasks import DEFAULT_TASK, TASKS, load, with_defaults
from numpy_attention.training.settings import Settings
from numpy_attention.training.task import validated


def test_every_key_is_the_name_of_its_task():
    assert all(task.name == name for name, task in TASKS.items())


def test_load_takes_a_name_or_settings():
    one, other = load("digit-bags", seed=3), load(Settings(task="digit-bags", seed=3))
    np.testing.assert_array_equal(one.test.x, other.test.x)


def test_defaults():
    settings = with_defaults({})
    assert settings[:8] == ("digit-bags", "location", 1, 50, 10, 0.001, 32, 0)
    assert settings == Settings(task=DEFAULT_TASK, digit=0)
    assert validated(settings, TASKS) == settings


def test_the_defaults_of_every_task_are_valid():
    files = {"csv": {"csv": "a.csv", "label": "b", "tokens": 2}, "npz": {"npz": "a.npz"}}
    for name, task in TASKS.items():
        settings = validated(with_defaults({"task": name, **files.get(name, {})}), TASKS)
        assert settings.task == name
        assert {key: getattr(settings, key) for key in task.defaults} == task.defaults
        assert task.question(settings, None)
