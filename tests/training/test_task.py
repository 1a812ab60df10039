"""Settings against the declarations of tasks."""

import pytest

from numpy_attention.tasks import TASKS
from numpy_attention.training.settings import Settings
from numpy_attention.training.task import validated


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(task="csv", csv="a.csv", tokens=3), "the task csv needs the setting label"),
        (dict(task="csv", csv="a.csv", label="b"), "the task csv needs the setting tokens"),
        (dict(task="npz"), "the task npz needs the setting npz"),
        (
            dict(task="digit-bags", npz="a.npz"),
            "npz belongs to the tasks digits.* and npz; the task is digit-bags",
        ),
        (dict(task="npz", npz="a.npz", label="b"), "label belongs to the task csv; the task is npz"),
        (dict(task="digits", digit=3), "digit belongs to the task digit-bags; the task is digits"),
        (
            dict(task="digit-bag"),
            "task is 'digit-bag' \\(did you mean 'digit-bags'\\?\\); one of 'digit-bags', ",
        ),
        (dict(task=["digits"]), r"task is \['digits'\]; one of "),
        (dict(), "task is ''; one of "),
        (dict(task="digits", heads=0), "heads is 0; a whole number, at least 1"),
    ],
)
def test_settings_that_do_not_fit_the_task(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        validated(Settings(**settings), TASKS)


def test_lr_and_clip_become_floats():
    settings = validated(Settings(task="digits", lr=1, clip=2), TASKS)
    assert (type(settings.lr), type(settings.clip)) == (float, float)
    assert settings == Settings(task="digits", lr=1.0, clip=2.0)
