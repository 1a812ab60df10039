"""What a run is asked to do: settings with their defaults, and what is refused."""

import math
from typing import Any, NamedTuple

from ..functional.base.admission import one_of
from ..nn.temperature import FIXED, TEMPERATURES
from ..nn.token_scores import SCORES

CSV, NPZ = "csv", "npz"
TASK_NAMES = ("digit-bags", "breast-cancer", "digits", CSV, NPZ)
OPTIMIZER_NAMES = ("adam", "adamw", "sgd", "momentum")
SCHEDULE_NAMES = ("constant", "warmup", "cosine", "inverse-square-root")
WANTED = ("accuracy", "loss")


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
    optimizer: str = "adam"
    schedule: str = "constant"
    clip: float | None = None
    temperature: str = FIXED
    until: str | None = None
    digit: int | None = None
    csv: str | None = None
    label: str | None = None
    tokens: int | None = None
    npz: str | None = None
    strict: bool = False
    start_from: str | None = None


CHOICES = {
    "task": TASK_NAMES,
    "score": tuple(SCORES),
    "optimizer": OPTIMIZER_NAMES,
    "schedule": SCHEDULE_NAMES,
    "temperature": TEMPERATURES,
}
LEAST = {"heads": 1, "hidden_dim": 1, "epochs": 1, "batch_size": 1, "seed": 0, "tokens": 1, "digit": 0}
MOST = 10**6
"""Of every whole number but the seed; memory ends earlier."""
LARGEST = {"seed": math.inf, "digit": 9}
NUMBERS = ("lr", "clip")
TEXTS = ("csv", "label", "npz", "start_from")
OPTIONAL = ("clip", "until", "digit", "csv", "label", "tokens", "npz", "start_from")
"""What may be None: not asked for."""
BELONGS = {"digit": "digit-bags", CSV: CSV, "label": CSV, "tokens": CSV, NPZ: NPZ}
"""The settings that mean something for one task only."""


def checked(settings: Settings) -> Settings:
    """The settings, once it is sure that each makes sense, and all of them together.

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
    for name, value in settings._asdict().items():
        if value is not None or name not in OPTIONAL:
            _check(name, value)
    for name, task in BELONGS.items():
        if getattr(settings, name) is not None and settings.task != task:
            raise ValueError(f"{name} belongs to the task {task}; the task is {settings.task}")
    missing = [name for name in (CSV, "label", "tokens", NPZ) if BELONGS[name] == settings.task]
    for name in missing:
        if getattr(settings, name) is None:
            raise ValueError(f"the task {settings.task} needs the setting {name}")
    clip = None if settings.clip is None else float(settings.clip)
    return settings._replace(lr=float(settings.lr), clip=clip)


def wanted(until: str) -> tuple[str, float]:
    """What "accuracy=0.95" or "loss=0.1" asks for: the name and the number.

    Examples
    --------
    >>> wanted("accuracy=0.95")
    ('accuracy', 0.95)
    """
    name, _, text = until.partition("=") if type(until) is str else ("", "", "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if name not in WANTED or not 0 <= value < math.inf or (name == "accuracy" and value > 1):
        raise ValueError(
            f"until is {until!r}; accuracy=X with X from 0 to 1, or loss=X with X from 0, is expected"
        )
    return name, value


def from_dict(given: Any, *, whole: bool = True) -> dict[str, Any]:
    """Settings from what a JSON file held: no unknown key, and, where `whole` is asked, every key.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value makes no sense.
    """
    if not isinstance(given, dict):
        raise ValueError(f"settings are a {type(given).__name__}; an object with names is expected")
    for name in Settings._fields:
        if whole and name not in given:
            raise ValueError(f"the setting {name!r} is missing")
    for name, value in given.items():
        if name not in Settings._fields:
            raise ValueError(f"{name!r} is not a setting; one of {', '.join(Settings._fields)} is expected")
        if value is not None or name not in OPTIONAL:
            _check(name, value)
    return given


def _check(name: str, value: Any) -> None:
    if name in CHOICES:
        one_of(name, value, CHOICES[name])
    elif name in LEAST:
        _whole(name, value)
    elif name in NUMBERS:
        if type(value) not in (int, float) or not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value!r}; a finite number above 0 is expected")
    elif name in TEXTS:
        if type(value) is not str or not value:
            raise ValueError(f"{name} is {value!r}; a text is expected")
    elif name == "until":
        wanted(value)
    elif type(value) is not bool:
        raise ValueError(f"{name} is {value!r}; true or false is expected")


def _whole(name: str, value: Any) -> None:
    least, most = LEAST[name], LARGEST.get(name, MOST)
    if type(value) is not int or not least <= value <= most:
        upper = "" if most == math.inf else f" and at most {most}"
        raise ValueError(f"{name} is {value!r}; a whole number, at least {least}{upper}, is expected")
