"""Settings: defaults as announced, nonsense refused by name."""

import math

import pytest

from numpy_attention.tasks import TASKS, with_defaults
from numpy_attention.training.optimizers import OPTIMIZERS
from numpy_attention.training.settings import OPTIMIZER_NAMES, TASK_NAMES, Settings, check_fields, parse_until
from numpy_attention.training.task import validated


def test_defaults():
    settings = with_defaults({})
    assert settings[:8] == ("digit-bags", "location", 1, 50, 10, 0.001, 32, 0)
    assert settings._replace(digit=None) == Settings()
    assert validated(settings) == settings


def test_the_names_are_those_of_what_there_is():
    assert tuple(TASKS) == TASK_NAMES
    assert tuple(OPTIMIZERS) == OPTIMIZER_NAMES


def test_every_task_starts_from_settings_that_make_sense():
    files = {"csv": {"csv": "a.csv", "label": "b", "tokens": 2}, "npz": {"npz": "a.npz"}}
    for name in TASKS:
        settings = validated(with_defaults({"task": name, **files.get(name, {})}))
        assert settings.task == name
        assert {key: getattr(settings, key) for key in TASKS[name].defaults} == TASKS[name].defaults


@pytest.mark.parametrize(
    "name, value",
    [
        ("task", "digit-bag"),
        ("task", ["digit-bags"]),
        ("score", "uniform"),
        ("score", "Location"),
        ("score", None),
        ("heads", 0),
        ("heads", -1),
        ("hidden_dim", 0),
        ("hidden_dim", 2.0),
        ("hidden_dim", True),
        ("hidden_dim", 10**30),
        ("epochs", 0),
        ("epochs", "10"),
        ("batch_size", 0),
        ("seed", -1),
        ("seed", 0.5),
        ("lr", 0.0),
        ("lr", -0.001),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", "0.001"),
        ("lr", True),
        ("lr", None),
        ("clip", 0),
        ("clip", "1"),
        ("optimizer", "lion"),
        ("schedule", "linear"),
        ("temperature", 2.0),
        ("digit", 10),
        ("tokens", 0),
        ("csv", 3),
        ("csv", ""),
        ("strict", 1),
        ("strict", None),
        ("until", "accuracy"),
        ("until", "accuracy=1.5"),
        ("until", "loss=-1"),
        ("until", "loss=nan"),
        ("until", "focus=0.5"),
        ("until", 0.95),
    ],
)
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} is .* expected$"):
        validated(Settings(**{name: value}))
    with pytest.raises(ValueError, match=f"^{name} is .* expected$"):
        check_fields({**Settings()._asdict(), name: value})


@pytest.mark.parametrize(
    "settings, told",
    [
        (Settings(task="csv", csv="a.csv", tokens=3), "the task csv needs the setting label"),
        (Settings(task="csv", csv="a.csv", label="b"), "the task csv needs the setting tokens"),
        (Settings(task="npz"), "the task npz needs the setting npz"),
        (Settings(npz="a.npz"), "npz belongs to the task npz; the task is digit-bags"),
        (Settings(task="npz", npz="a.npz", label="b"), "label belongs to the task csv; the task is npz"),
        (Settings(task="digits", digit=3), "digit belongs to the task digit-bags"),
    ],
)
def test_what_does_not_go_together(settings, told):
    with pytest.raises(ValueError, match=told):
        validated(settings)


def test_whole_numbers_are_numbers_too():
    assert validated(Settings(lr=1, clip=2))[5] == 1.0
    assert type(validated(Settings(clip=2)).clip) is float


def test_a_large_seed_is_welcome():
    assert validated(Settings(seed=2**70)).seed == 2**70


def test_what_until_asks_for():
    assert parse_until("loss=1e-3") == ("loss", 0.001)
    assert parse_until("accuracy=1") == ("accuracy", 1.0)


def test_dicts():
    settings = Settings(heads=3, lr=0.25)
    assert Settings(**check_fields(settings._asdict())) == settings
    with pytest.raises(ValueError, match="'lr' is missing"):
        check_fields({name: value for name, value in settings._asdict().items() if name != "lr"})
    assert check_fields({"heads": 3}, whole=False) == {"heads": 3}
    with pytest.raises(ValueError, match="'momentum' is not a setting; one of task, score"):
        check_fields({**settings._asdict(), "momentum": 0.9})
    with pytest.raises(ValueError, match="settings are a list"):
        check_fields(list(settings))
