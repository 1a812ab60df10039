"""Settings: defaults as announced, nonsense refused by name."""

import math

import pytest

from numpy_attention.tasks.settings import Settings, checked, from_dict


def test_defaults():
    assert Settings() == ("digit-bags", "location", 1, 50, 10, 0.001, 32, 0)
    assert checked(Settings()) == Settings()


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
    ],
)
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} is .* is expected$"):
        checked(Settings(**{name: value}))
    with pytest.raises(ValueError, match=f"^{name} is .* is expected$"):
        from_dict({**Settings()._asdict(), name: value})


def test_a_whole_learning_rate_is_a_number_too():
    assert checked(Settings(lr=1)).lr == 1.0


def test_a_large_seed_is_welcome():
    assert checked(Settings(seed=2**70)).seed == 2**70


def test_dicts():
    settings = Settings(heads=3, lr=0.25)
    assert from_dict(settings._asdict()) == settings
    with pytest.raises(ValueError, match="'lr' is missing"):
        from_dict({name: value for name, value in settings._asdict().items() if name != "lr"})
    with pytest.raises(ValueError, match="'momentum' is not a setting; one of task, score"):
        from_dict({**settings._asdict(), "momentum": 0.9})
    with pytest.raises(ValueError, match="settings are a list"):
        from_dict(list(settings))
