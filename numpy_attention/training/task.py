"""A task: data, model, baselines and report, declared as a value that training receives."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array, one_of
from .cleaning import Prepared
from .data import Data
from .evaluation import Figures, Predictions
from .models import AttentionModel, DataSizes
from .settings import OPTIONAL, Settings, check_field


class Task(NamedTuple):
    """Everything that training needs of a task."""

    name: str
    question: Callable[[Settings, Data | None], str]
    """question(settings, data): what is predicted, in one line; without data, as a list of tasks shows it."""
    load_data: Callable[[Settings], Data]
    """load_data(settings): the raw data."""
    model: Callable[[Settings, DataSizes], AttentionModel]
    """model(settings, sizes)"""
    report: Callable[[Settings, Prepared, Predictions, dict[str, Figures]], list[str]]
    """report(settings, data, predictions for data.test, figures by name): the task's own lines."""
    defaults: dict[str, Any]
    """The settings that differ from the defaults of `Settings`."""
    own_settings: tuple[str, ...] = ()
    """Settings that no other task has."""
    required: tuple[str, ...] = ()
    """Those of `own_settings` that must not be None."""
    logistic: bool = False
    """True to train logistic regression on all columns beside the model."""
    baselines: Callable[[Data], dict[str, Figures]] | None = None
    """baselines(data): figures that need no training, by name."""
    augment: Callable[[np.random.Generator, Array], Array] | None = None
    """augment(rng, raw x of the training part): the same examples, slightly changed, anew for each epoch."""
    mixing: float | None = None
    """α of `mixing` where examples are mixed in pairs, anew for each epoch; else None."""


def validated(settings: Settings, tasks: Mapping[str, Task]) -> Settings:
    """The settings, with lr and clip as floats; raises unless each is in range and all fit together.

    Raises
    ------
    ValueError
        It names the setting, its value and what is expected.
    """
    one_of("task", settings.task, tuple(tasks))
    for name, value in settings._asdict().items():
        if value is not None or name not in OPTIONAL:
            check_field(name, value)
    for task in tasks.values():
        for name in task.own_settings:
            if getattr(settings, name) is not None and settings.task != task.name:
                raise ValueError(f"{name} belongs to the task {task.name}; the task is {settings.task}")
    for name in tasks[settings.task].required:
        if getattr(settings, name) is None:
            options = tasks[settings.task].question(settings, None)
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"the task {settings.task} needs the setting {name}; write {option} ({options})")
    clip = None if settings.clip is None else float(settings.clip)
    return settings._replace(lr=float(settings.lr), clip=clip)
