"""A run: training state after an epoch, and the step to the next.

A resumed run gives the bits of an uninterrupted one.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..files import PathLike
from ..nn.parameters import Params
from ..optim.trees import flatten
from .lesion import Lesion, keeping, lesion_figures, lesion_of, lesioned
from .loop import Compute, Epoch, epoch_zero, train
from .objective import Objective
from .records import moved_in_epoch
from .settings import Settings, parse_until
from .task import DataFacts, Task, TaskData

LESION = "lesion"
"""Columns of the history: the metric of a run with a lesion, part by part."""
LEARNED, SCRATCH = "learned", "scratch"
"""The task's model; and the same from a random start, if the others start from another run's parameters."""


class Run(NamedTuple):
    """Everything about a training so far; all but the task is stored in a run folder."""

    task: Task
    settings: Settings
    facts: Any
    """The task's `DataFacts` about the data."""
    epochs: dict[str, Epoch]
    """The last epoch of each model."""
    starts: dict[str, Params]
    """The initial parameters of each model, before a lesion."""
    history: tuple[dict[str, float], ...]
    """One row of records per epoch, by column."""
    best: Params | None = None
    """The learned model's parameters after the epoch of the least validation loss; None without such."""

    def objectives(self) -> dict[str, Objective]:
        """The models trained side by side."""
        return objectives_of(self.task, self.settings, self.facts)

    @property
    def params(self) -> Params:
        """The learned model's parameters: the best, by the validation part, or else the last."""
        return self.epochs[LEARNED].params if self.best is None else self.best

    def params_of(self, name: str) -> Params:
        """The parameters of a model: of the learned one `params`, of any other the last."""
        return self.params if name == LEARNED else self.epochs[name].params

    @property
    def lesion(self) -> Lesion | None:
        """What a lesion has set to 0 in the learned model, if there is one."""
        settings = self.settings
        if settings.lesion is None:
            return None
        return lesion_of(settings.lesion, settings.seed, self.objectives()[LEARNED])

    @property
    def number(self) -> int:
        """Number of complete epochs."""
        return len(self.history)

    @property
    def best_number(self) -> int | None:
        """The number of the epoch with the least validation loss, the first of several; None without any."""
        losses = [row["validation_loss"] for row in self.history if "validation_loss" in row]
        return losses.index(min(losses)) + 1 if losses else None

    @property
    def reached(self) -> bool:
        """True once the condition of the setting `until` holds."""
        if self.settings.until is None or not self.history:
            return False
        name, value = parse_until(self.settings.until)
        now = self.history[-1][name]
        return now >= value if name == "accuracy" else now <= value

    @property
    def exhausted(self) -> bool:
        """True once the validation loss has not fallen for `patience` epochs."""
        best, patience = self.best_number, self.settings.patience
        return best is not None and patience is not None and self.number - best >= patience

    @property
    def done(self) -> bool:
        """True if no epoch is left."""
        return self.reached or self.exhausted or self.number >= self.settings.epochs


def objectives_of(task: Task, settings: Settings, facts: DataFacts) -> dict[str, Objective]:
    """The models of a run: those of its task, and the start from scratch where there is another start.

    Raises
    ------
    ValueError
        If the settings do not fit the task's model.
    """
    objectives = task.objectives(settings, facts)
    if settings.start_from is not None:
        objectives[SCRATCH] = objectives[LEARNED]
    return objectives


def start_run(task: Task, settings: Settings, data: TaskData, source: Run | None = None) -> Run:
    """A run before its first epoch, with initial parameters drawn from the seed, or those of `source`.

    Raises
    ------
    ValueError
        If the parameters of `source` do not fit, or the lesion does not fit the model.
    """
    facts = task.facts(settings, data)
    epochs = {}
    for name, objective in objectives_of(task, settings, facts).items():
        params = None
        if source is not None and name in source.epochs and not starts_afresh(task, name, source, facts):
            params = source.params_of(name)
            _check_start(settings, source, name, params, objective)
        epochs[name] = epoch_zero(objective, settings, params)
    starts = {name: epoch.params for name, epoch in epochs.items()}
    run = Run(task, settings, facts, epochs, starts, ())
    lesion = run.lesion
    if lesion is not None:
        learned = epochs[LEARNED]
        epochs[LEARNED] = learned._replace(params=lesioned(learned.params, lesion))
    return run


def starts_afresh(task: Task, name: str, source: Run, facts: DataFacts) -> bool:
    """True for the start from scratch, and a model that was fitted to data of another form."""
    return name == SCRATCH or task.starts_afresh(name, source.facts, facts)


def file_digest(settings: Settings) -> str | None:
    """SHA-256 of the user's own data file, or of the WAV files of a folder; None if there are none."""
    if settings.data_file is None:
        return None
    path = Path(settings.data_file)
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in wav_files(path):
        whole.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()} ".encode())
    return whole.hexdigest()


def wav_files(folder: PathLike) -> list[Path]:
    """The WAV files of a folder, by name."""
    return sorted(file for file in Path(folder).iterdir() if file.suffix.lower() == ".wav" and file.is_file())


def run_epochs(
    run: Run, data: TaskData, on_step: Callable[[], None] | None = None, compute: Compute | None = None
) -> Iterator[Run]:
    """The run after each remaining epoch; `on_step` is called after every step of every model.

    compute: see `train`.

    Raises
    ------
    NotFinite
        If a loss or a parameter is NaN or infinite.
    """
    objectives = run.objectives()
    changed, lesion = run.task.changed(run.settings, run.facts, data), run.lesion
    computes = {} if lesion is None else {LEARNED: keeping(lesion, compute)}
    trainings = [
        train(
            objective, data.train, run.settings, after=run.epochs[name], changed=changed, on_step=on_step,
            compute=computes.get(name, compute),
        )
        for name, objective in objectives.items()
    ]  # fmt: skip
    while not run.done:
        epochs = {name: next(training) for name, training in zip(objectives, trainings, strict=True)}
        row = history_row(run, objectives[LEARNED], epochs, data)
        run = run._replace(epochs=epochs, history=(*run.history, row))
        if run.best_number == run.number:
            run = run._replace(best=epochs[LEARNED].params)
        yield run


def history_row(
    run: Run, objective: Objective, epochs: dict[str, Epoch], data: TaskData
) -> dict[str, float]:  # fmt: skip
    """The records of an epoch, by column: losses of all models, and the task's of the learned one."""
    learned = epochs[LEARNED]
    row = {"epoch": float(learned.number), "loss": learned.loss, "accuracy": learned.accuracy}
    row |= {f"{name}_loss": epoch.loss for name, epoch in epochs.items() if name != LEARNED}
    if data.validation is not None:
        row["validation_loss"] = objective.figures(learned.params, data.validation).loss
    if run.settings.lesion is not None:
        figures = lesion_figures(run.task, objective, learned.params, data)
        row |= {f"{LESION}.{part}": figure for part, figure in figures.items()}
    start, before = run.starts[LEARNED], run.epochs[LEARNED].params
    row |= run.task.records(objective, learned.params, start, data)
    return row | moved_in_epoch(learned.params, before, start)


def first_epoch_at_scratch_loss(history: tuple[dict[str, float], ...]) -> int | None:
    """The first epoch whose loss is at most the last one of the start from scratch; None if there is none."""
    goal = history[-1].get(f"{SCRATCH}_loss", -math.inf)
    return next((number for number, row in enumerate(history, 1) if row["loss"] <= goal), None)


def _check_start(settings: Settings, source: Run, name: str, params: Params, objective: Objective) -> None:
    """Raise ValueError unless the parameters of the source have the names and shapes of the objective's."""
    arrays, shapes = flatten(params), flatten(objective.shapes())
    run = f"{settings.start_from}, a run of {source.settings.task}, does not fit"
    for place in [*shapes, *arrays]:
        if place not in arrays:
            raise ValueError(f"{run}: it has no {name}.{place}; one of shape {shapes[place]} is expected")
        came = f"its {name}.{place} is {arrays[place].shape}"
        if arrays[place].shape != shapes.get(place):
            raise ValueError(f"{run}: {came}; {shapes.get(place, 'no such parameter')} is expected")
