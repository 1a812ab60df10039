"""What a run is asked to do: settings with their defaults, and what is refused."""

import math
from typing import Any, NamedTuple

from numpy_attention.functional.arrays import one_of

from . import TASKS
from .scoring import SCORES


class Settings(NamedTuple):
    """Everything that decides a run's numbers."""

    task: str = "digit-bags"
    score: str = "location"
    heads: int = 1
    hidden_dim: int = 50
    epochs: int = 10
    lr: float = 0.001
    batch_size: int = 32
    seed: int = 0


LEAST = {"heads": 1, "hidden_dim": 1, "epochs": 1, "batch_size": 1, "seed": 0}
MOST = 10**6
"""Of every whole number but the seed; memory ends earlier."""


def checked(settings: Settings) -> Settings:
    """The settings, once it is sure that each makes sense.

    Raises
    ------
    ValueError
        It names the setting, what came and what is expected.

    Examples
    --------
    >>> checked(Settings(lr=float("nan")))
    Traceback (most recent call last):
    ValueError: lr is nan; a finite number above 0 is expected
    """
    one_of("task", settings.task, tuple(TASKS))
    one_of("score", settings.score, tuple(SCORES))
    for name, least in LEAST.items():
        value = getattr(settings, name)
        most = math.inf if name == "seed" else MOST
        if type(value) is not int or not least <= value <= most:
            upper = "" if name == "seed" else f" and at most {MOST}"
            raise ValueError(f"{name} is {value!r}; a whole number, at least {least}{upper}, is expected")
    lr = settings.lr
    if type(lr) not in (int, float) or not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr is {lr!r}; a finite number above 0 is expected")
    return settings._replace(lr=float(lr))


def from_dict(given: Any) -> Settings:
    """Settings from what a JSON file held: every key and no other.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value makes no sense.
    """
    if not isinstance(given, dict):
        raise ValueError(f"settings are a {type(given).__name__}; an object with names is expected")
    for name in Settings._fields:
        if name not in given:
            raise ValueError(f"the setting {name!r} is missing")
    for name in given:
        if name not in Settings._fields:
            raise ValueError(f"{name!r} is not a setting; one of {', '.join(Settings._fields)} is expected")
    return checked(Settings(**given))
