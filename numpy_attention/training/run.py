"""A run: training state after an epoch, and the step to the next.

A resumed run gives the bits of an uninterrupted one.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..nn.parameters import Params
from ..optim.trees import flatten
from .cleaning import Normalisation, Prepared, normalise
from .comparison import LEARNED, LOGISTIC, SCRATCH, models_to_train
from .data import Examples
from .evaluation import attention_maps
from .loop import Epoch, epoch_zero, train
from .mixing import mix
from .models import DataSizes, Model
from .records import epoch_records
from .settings import Settings, parse_until
from .task import Task


class DataSummary(NamedTuple):
    """Sizes and names of a run's data, as the run folder stores them."""

    tokens: int
    input_dim: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Number of training examples of each class."""
    columns: tuple[str, ...]
    """Columns of a table, in the order in which they fill the tokens."""
    label: str | None
    """The column of a table that holds the class."""
    digest: str | None
    """SHA-256 of the user's own data file, if there is one."""

    @property
    def sizes(self) -> DataSizes:
        """The sizes of a model for these data."""
        return DataSizes(self.tokens, self.input_dim, 1 if len(self.classes) == 2 else len(self.classes))


class Run(NamedTuple):
    """Everything about a training so far; all but the task is stored in a run folder."""

    task: Task
    settings: Settings
    summary: DataSummary
    normalisation: Normalisation
    epochs: dict[str, Epoch]
    """The last epoch of each model."""
    starts: dict[str, Params]
    """The initial parameters of each model."""
    history: tuple[dict[str, float], ...]
    """One row of records per epoch, by column."""

    def models(self) -> dict[str, Model]:
        """The models trained side by side."""
        return models_to_train(self.task, self.settings, self.summary.sizes)

    def fixed_models(self, tokens: int) -> tuple[str, ...]:
        """Names of the models whose parameters do not fit examples of this many tokens."""
        sizes = self.summary.sizes._replace(tokens=tokens)
        others = models_to_train(self.task, self.settings, sizes)
        return tuple(name for name, own in self.models().items() if own.shapes() != others[name].shapes())

    @property
    def number(self) -> int:
        """Number of complete epochs."""
        return len(self.history)

    @property
    def reached(self) -> bool:
        """True once the condition of the setting `until` holds."""
        if self.settings.until is None or not self.history:
            return False
        name, value = parse_until(self.settings.until)
        now = self.history[-1][name]
        return now >= value if name == "accuracy" else now <= value

    @property
    def done(self) -> bool:
        """True if no epoch is left."""
        return self.reached or self.number >= self.settings.epochs


def start_run(task: Task, settings: Settings, data: Prepared, source: Run | None = None) -> Run:
    """A run before its first epoch, with initial parameters drawn from the seed, or those of `source`.

    Raises
    ------
    ValueError
        If the parameters of `source` do not fit.
    """
    summary = summarise(settings, data)
    epochs = {}
    for name, model in models_to_train(task, settings, summary.sizes).items():
        params = None
        if source is not None and name in source.epochs and not starts_afresh(name, source, summary):
            params = source.epochs[name].params
            _check_start(settings, name, params, model)
        epochs[name] = epoch_zero(model, settings, params)
    starts = {name: epoch.params for name, epoch in epochs.items()}
    return Run(task, settings, summary, data.normalisation, epochs, starts, ())


def starts_afresh(name: str, source: Run, summary: DataSummary) -> bool:
    """True for the start from scratch, and a baseline that `source` fitted to another number of tokens."""
    return name == SCRATCH or (name == LOGISTIC and summary.tokens != source.summary.tokens)


def summarise(settings: Settings, data: Prepared) -> DataSummary:
    """Sizes and names of the data, and the digest of their file."""
    _, tokens, width = data.train.x.shape
    raw = data.raw
    counts = np.bincount(data.train.y.astype(np.int64), minlength=len(raw.classes))
    return DataSummary(
        tokens, width, raw.classes, tuple(map(int, counts)), raw.columns, raw.label, file_digest(settings)
    )


def file_digest(settings: Settings) -> str | None:
    """SHA-256 of the user's own data file; None if the settings name none."""
    file = settings.data_file
    return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def run_epochs(run: Run, data: Prepared, on_step: Callable[[], None] | None = None) -> Iterator[Run]:
    """The run after each remaining epoch; `on_step` is called after every step of every model.

    Raises
    ------
    NotFinite
        If a loss or a parameter is NaN or infinite.
    """
    models = run.models()
    augment = augmentation(run, data)
    trainings = [
        train(
            model, data.train, run.settings, after=run.epochs[name], augment=augment, on_step=on_step
        )
        for name, model in models.items()
    ]  # fmt: skip
    while not run.done:
        epochs = {name: next(training) for name, training in zip(models, trainings, strict=True)}
        row = history_row(models[LEARNED], run.starts[LEARNED], epochs, data)
        run = run._replace(epochs=epochs, history=(*run.history, row))
        yield run


def augmentation(run: Run, data: Prepared) -> Callable[[np.random.Generator], Examples] | None:
    """augment(rng): the training part of one epoch; None if the task does not change it."""
    task = run.task
    if task.augment is None and task.mixing is None:
        return None

    def augment(rng: np.random.Generator) -> Examples:
        examples = data.train
        if task.augment is not None:
            raw = task.augment(rng, data.raw.train.x)
            examples = examples._replace(x=normalise(raw, run.normalisation))
        return examples if task.mixing is None else mix(rng, examples, task.mixing)

    return augment


def history_row(model: Model, start: Params, epochs: dict[str, Epoch], data: Prepared) -> dict[str, float]:
    """The records of an epoch, by column: losses of all models, and `records` of the learned one."""
    learned = epochs[LEARNED]
    maps = attention_maps(model, learned.params, data.train)
    row = {"epoch": float(learned.number), "loss": learned.loss, "accuracy": learned.accuracy}
    row |= {f"{name}_loss": epoch.loss for name, epoch in epochs.items() if name != LEARNED}
    return row | epoch_records(maps, learned.params, start, data.train.lengths)


def first_epoch_at_scratch_loss(history: tuple[dict[str, float], ...]) -> int | None:
    """The first epoch whose loss is at most the last one of the start from scratch; None if there is none."""
    goal = history[-1].get(f"{SCRATCH}_loss", -math.inf)
    return next((number for number, row in enumerate(history, 1) if row["loss"] <= goal), None)


def _check_start(settings: Settings, name: str, params: Params, model: Model) -> None:
    arrays, shapes = flatten(params), flatten(model.shapes())
    for place in [*shapes, *arrays]:
        shape = arrays[place].shape if place in arrays else "nothing"
        expected = shapes.get(place, "nothing")
        if shape != expected:
            raise ValueError(
                f"{settings.start_from} does not fit: its {name}.{place} is {shape}; {expected} is expected"
            )
