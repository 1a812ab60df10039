"""A task: data, models with their losses, and what is shown of them, as a value that training receives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..functional.base.admission import Array, one_of
from ..nn.parameters import Params
from .objective import ExampleSet, Figures, Objective
from .settings import OPTIONAL, Settings, check_field


class TaskData(Protocol):
    """A task's data, ready for its models."""

    @property
    def train(self) -> Any:
        """The training part, `ExampleSet`."""

    @property
    def validation(self) -> Any:
        """A part that is neither trained on nor held out; None if training does not look at one."""

    @property
    def test(self) -> Any:
        """The held-out part, in the form of the training part."""


class DataFacts(Protocol):
    """What models need to know of the data they were trained on; a run folder keeps it."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of the user's own data file, if there is one."""


class AttentionMap(NamedTuple):
    """Attention weights as a picture shows them: a row for each query or example, a column for each key."""

    weights: Array
    """(rows, columns)"""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    title: str
    keys: str = "token"
    """What a column is."""


class Box(NamedTuple):
    """A rectangle over an image, in pixels from its upper left corner, and what is written above it."""

    left: float
    top: float
    right: float
    bottom: float
    label: str
    sure: bool = True
    """False for a dashed line"""


class Sheet(NamedTuple):
    """Images side by side, as a picture shows them."""

    images: Array
    """(N, H, W)"""
    titles: tuple[str, ...]
    title: str
    heat: Array | None = None
    """(N, h, w) weights, laid over each image in colour"""
    boxes: tuple[tuple[Box, ...], ...] = ()
    """Those of each image"""
    columns: int = 5
    """Images in a row"""


class Task(Protocol):
    """Everything that training needs of a task: there are `tasks/classification` and `tasks/model_task`."""

    @property
    def name(self) -> str:
        """As in --task."""

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings that differ from the defaults of `Settings`."""

    @property
    def own_settings(self) -> tuple[str, ...]:
        """Settings that not every task has, and this one has."""

    @property
    def required(self) -> tuple[str, ...]:
        """Those of `own_settings` that must not be None."""

    @property
    def metric(self) -> str:
        """The figure that counts, as tables call it: the task's measure, or the unit of the loss."""

    @property
    def measure(self) -> str:
        """What `Figures.accuracy` is: "accuracy", or another share from 0 to 1 that is better when larger."""

    @property
    def question(self) -> Callable[[Settings, Any], str]:
        """question(settings, data): what is predicted, in one line; without data, as a list shows it."""

    def load(self, settings: Settings, facts: Any = None, source: Any = None) -> TaskData:
        """The data; prepared by the facts of their own run, if it is read again.

        source: the facts of another run, from whose parameters this one starts.
        """

    def facts(self, settings: Settings, data: Any) -> Any:
        """The `DataFacts` of data."""

    def objectives(self, settings: Settings, facts: Any) -> dict[str, Objective]:
        """The models to train side by side, by name: "learned" first, then baselines.

        Raises ValueError if the settings do not fit.
        """

    def changed(
        self, settings: Settings, facts: Any, data: Any
    ) -> Callable[[np.random.Generator], ExampleSet] | None:
        """changed(rng): the training part of one epoch; None if it is always the same."""

    def starts_afresh(self, name: str, source: Any, facts: Any) -> bool:
        """True if a model cannot start from the parameters it has in a run with the facts `source`."""

    def records(self, objective: Any, params: Params, start: Params, data: Any) -> dict[str, float]:
        """Numbers that show what an epoch of training did to the learned model, by name."""

    def packed(self, facts: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts as JSON, and as nested arrays."""

    def unpacked(self, file: Path, facts: Any, arrays: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
        """Facts from both, and the names of the arrays; raises ValueError unless they are such facts."""

    def step_lines(self, run: Any, data: Any, source: Any = None) -> list[str]:
        """The steps of a run with their sizes, printed before training; source: the run it starts from."""

    def held_out(self, run: Any, data: Any) -> dict[str, Figures]:
        """Held-out figures of models and baselines, by the label of the row; the learned one first."""

    def attention_map(self, run: Any, data: Any) -> "AttentionMap":
        """Weights of held-out examples, for a picture."""

    def sheet(self, run: Any, data: Any) -> Sheet | None:
        """Held-out images with what the model made of them, for a picture; None where there are none."""

    def held_out_lines(
        self, run: Any, data: Any, rows: dict[str, Figures], title: str = "Held out"
    ) -> list[str]:
        """The figures of `held_out`, and what is shown of the learned model."""


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
    own = tasks[settings.task].own_settings
    for name in dict.fromkeys(name for task in tasks.values() for name in task.own_settings):
        if getattr(settings, name) is not None and name not in own:
            raise ValueError(f"{name} belongs to {_owners(name, tasks)}; the task is {settings.task}")
    for name in tasks[settings.task].required:
        if getattr(settings, name) is None:
            options = tasks[settings.task].question(settings, None)
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"the task {settings.task} needs the setting {name}; write {option} ({options})")
    if settings.weight_decay is not None and settings.optimizer != "adamw":
        raise ValueError(
            f"weight_decay belongs to the optimizer adamw; the optimizer is {settings.optimizer}"
        )
    if settings.span_penalty is not None and settings.span is None:
        raise ValueError(
            f"span_penalty is {settings.span_penalty}, but no span is learned; write --span N as well"
        )
    if settings.lesion is not None and settings.start_from is None:
        raise ValueError(
            f"lesion is {settings.lesion}, but no run to lesion is given; write --start-from DIR as well"
        )
    floats = ("lr", "clip", "weight_decay", "dropout", "span_penalty")
    given: dict[str, Any] = {name: getattr(settings, name) for name in floats}
    changed: dict[str, Any] = {name: float(x) for name, x in given.items() if x is not None}
    return settings._replace(**changed)


def larger_is_better(task: Task) -> bool:
    """True where the metric is the measure, a share; False where it is the loss."""
    return task.metric == task.measure


def metric_of(task: Task, figures: Figures) -> float:
    """The one of the figures that is the task's metric."""
    return float(figures.accuracy if larger_is_better(task) else figures.loss)


def _owners(name: str, tasks: Mapping[str, Task]) -> str:
    """ "the task csv", or "the tasks text and python-docs"."""
    owners = [task.name for task in tasks.values() if name in task.own_settings]
    *others, last = owners
    return f"the tasks {', '.join(others)} and {last}" if others else f"the task {last}"
