"""A run: all that stands after an epoch, and how it comes to the next.

A run that goes on from an epoch gives the bits of a run that never stopped.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..nn.parameters import Params
from ..optim.trees import flatten
from ..tasks import TASKS
from ..tasks.breast_cancer import LABEL
from .cleaning import Normalisation, Prepared, normalise
from .contenders import LEARNED, SCRATCH, Sizes, contenders
from .data import Examples
from .evaluation import Model, maps_of
from .loop import Epoch, start, train
from .mixing import mixed
from .records import records
from .settings import CSV, Settings, wanted


class Facts(NamedTuple):
    """What a run remembers of its data."""

    tokens: int
    input_dim: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """How many training examples each class has."""
    columns: tuple[str, ...]
    """Those of a table, in the order in which they fill the tokens."""
    label: str | None
    """The column of a table that holds the class."""
    digest: str | None
    """SHA-256 of the file that the data came from, where they came from a file of one's own."""

    @property
    def sizes(self) -> Sizes:
        """What they decide about a model."""
        return Sizes(self.tokens, self.input_dim, 1 if len(self.classes) == 2 else len(self.classes))


class Run(NamedTuple):
    """What a run folder holds."""

    settings: Settings
    facts: Facts
    normalisation: Normalisation
    epochs: dict[str, Epoch]
    """Where each contender stands."""
    starts: dict[str, Params]
    """Where each came from."""
    history: tuple[dict[str, float], ...]
    """What every epoch so far records, by column."""

    def models(self) -> dict[str, Model]:
        """The contenders."""
        return contenders(self.settings, self.facts.sizes)

    @property
    def number(self) -> int:
        """How many epochs are complete."""
        return len(self.history)

    @property
    def reached(self) -> bool:
        """Whether what `until` asks for is there."""
        if self.settings.until is None or not self.history:
            return False
        name, value = wanted(self.settings.until)
        now = self.history[-1][name]
        return now >= value if name == "accuracy" else now <= value

    @property
    def done(self) -> bool:
        """Whether no epoch is left."""
        return self.reached or self.number >= self.settings.epochs


def begin(settings: Settings, data: Prepared, source: Run | None = None) -> Run:
    """A run before its first epoch, from the start that the seed draws or from that of another run.

    Raises
    ------
    ValueError
        If there are fewer examples than a batch takes, or the other run's parameters do not fit.
    """
    if settings.batch_size > len(data.train.y):
        raise ValueError(
            f"batch_size is {settings.batch_size}; at most {len(data.train.y)}, the training "
            "examples there are, is expected"
        )
    facts = facts_of(settings, data)
    epochs = {}
    for name, model in contenders(settings, facts.sizes).items():
        given = None
        if source is not None and name in source.epochs and name != SCRATCH:
            given = source.epochs[name].params
            _fits(settings, name, given, model)
        epochs[name] = start(model, settings, given)
    starts = {name: epoch.params for name, epoch in epochs.items()}
    return Run(settings, facts, data.normalisation, epochs, starts, ())


def facts_of(settings: Settings, data: Prepared) -> Facts:
    """What a run remembers of its data."""
    _, tokens, width = data.train.x.shape
    counts = np.bincount(data.train.y.astype(np.int64), minlength=len(data.raw.classes))
    label = settings.label if settings.task == CSV else LABEL if data.raw.columns else None
    return Facts(
        tokens, width, data.raw.classes, tuple(map(int, counts)), data.raw.columns, label, digest(settings)
    )


def digest(settings: Settings) -> str | None:
    """SHA-256 of the file of one's own that the settings name, if they do."""
    file = settings.csv or settings.npz
    return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def going_on(run: Run, data: Prepared, stepped: Callable[[], None] | None = None) -> Iterator[Run]:
    """The run after each epoch to come; `stepped` is called after every step of every model.

    Raises
    ------
    NotFinite
        If a loss or a parameter is NaN or infinite.
    """
    models = run.models()
    changed = changing(run, data)
    training = [
        train(
            model, data.train, run.settings, after=run.epochs[name], changed=changed, stepped=stepped
        )
        for name, model in models.items()
    ]  # fmt: skip
    while not run.done:
        epochs = {name: next(one) for name, one in zip(models, training, strict=True)}
        row = recorded(models[LEARNED], run.starts[LEARNED], epochs, data)
        run = run._replace(epochs=epochs, history=(*run.history, row))
        yield run


def changing(run: Run, data: Prepared) -> Callable[[np.random.Generator], Examples] | None:
    """How the training part is made anew for each epoch; None if it stays as it is."""
    task = TASKS[run.settings.task]
    if task.augment is None and task.mixing is None:
        return None

    def changed(rng: np.random.Generator) -> Examples:
        examples = data.train
        if task.augment is not None:
            raw = task.augment(rng, data.raw.train.x)
            examples = examples._replace(x=normalise(raw, run.normalisation))
        return examples if task.mixing is None else mixed(rng, examples, task.mixing)

    return changed


def recorded(model: Model, start: Params, epochs: dict[str, Epoch], data: Prepared) -> dict[str, float]:
    """What an epoch records, by column: losses, and what training does to the learned model."""
    ours = epochs[LEARNED]
    maps = maps_of(model, ours.params, data.train)
    row = {"epoch": float(ours.number), "loss": ours.loss, "accuracy": ours.accuracy}
    row |= {f"{name}_loss": epoch.loss for name, epoch in epochs.items() if name != LEARNED}
    return row | records(maps, ours.params, start, data.train.lengths)


def caught_up(history: tuple[dict[str, float], ...]) -> int | None:
    """The first epoch whose loss is at most that with which a start from scratch ends; None for none."""
    goal = history[-1].get(f"{SCRATCH}_loss", -math.inf)
    return next((number for number, row in enumerate(history, 1) if row["loss"] <= goal), None)


def _fits(settings: Settings, name: str, given: Params, model: Model) -> None:
    there, wanted_shapes = flatten(given), flatten(model.shapes())
    for place in [*wanted_shapes, *there]:
        came = there[place].shape if place in there else "nothing"
        expected = wanted_shapes.get(place, "nothing")
        if came != expected:
            raise ValueError(
                f"{settings.start_from} does not fit: its {name}.{place} is {came}; {expected} is expected"
            )
