"""The run folder: the files that a training leaves.

    run.npz         the whole run: settings, facts about the data, history; for each model its parameters,
                    named as PyTorch's state_dict names them ("learned.features.weight"), their initial
                    values, and the optimizer's state; the best parameters, if there is a validation part
    settings.json   the settings; `train --config` reads them
    history.csv     the records of every epoch
    result.json     task, metric, the model's figure and its baselines', seconds of the clock and of the
                    processor, parameters
    loss, attention as .png and .svg, with `train --plot`

Only run.npz is read back. It is replaced atomically after every epoch: whenever a run is killed, its last
complete epoch is there. The other files are for people and other programs, and are written after it. Paths of
files are kept absolute. While a training writes, it holds `folder_lock.LOCK`.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import (
    PathLike,
    is_partial_file,
    parse_json,
    read_npz,
    writable_folder,
    write_csv,
    write_json,
    write_npz,
)
from ..functional.base.admission import Array
from ..functional.base.wording import brief
from ..nn.parameters import Shapes, parameter_count
from ..optim.trees import flatten
from ..optim.updates import with_leaves
from .folder_lock import LOCK
from .loop import Epoch
from .objective import Figures
from .optimizers import OPTIMIZERS
from .run import LEARNED, Run
from .settings import Settings, check_fields, with_absolute_paths
from .task import Task, metric_of, validated

FORMAT = "numpy_attention run 2"
RUN, SETTINGS, HISTORY, RESULT = "run.npz", "settings.json", "history.csv", "result.json"
PICTURES = tuple(f"{name}.{kind}" for name in ("loss", "attention", "images") for kind in ("png", "svg"))
Tasks = Mapping[str, Task]


def check_folder(out: PathLike, tasks: Tasks) -> Path:
    """`out` as a path; raises unless it is new, empty, or holds a run, and can be written to.

    Raises
    ------
    ValueError
        If it holds something else, is no folder, or is not writable.
    """
    folder = writable_folder(out)
    if folder.exists() and not is_empty(folder) and not holds_run(folder, tasks):
        raise ValueError(f"{folder} is not empty and holds no run; name a new folder")
    return folder


def own_files(folder: PathLike) -> tuple[Path, ...]:
    """The files that a training writes in its folder."""
    return tuple(Path(folder) / name for name in (RUN, SETTINGS, HISTORY, RESULT, *PICTURES))


def is_empty(folder: Path) -> bool:
    """True if the folder holds nothing but what a killed writer leaves."""
    return not any(file.name != LOCK and not is_partial_file(file) for file in folder.iterdir())


def holds_run(folder: Path, tasks: Tasks) -> bool:
    """True if the folder holds an undamaged run."""
    try:
        read_run(folder, tasks)
    except (OSError, ValueError):
        return False
    return True


def save_run(folder: PathLike, run: Run) -> None:
    """Save the run as of its last epoch, replacing the run that the folder held.

    Parameters
    ----------
    folder
        A folder that `check_folder` accepts; created if necessary.
    run
        The run, after one epoch at least.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    save_numbers(folder, run)
    write_text_files(folder, run)


def save_numbers(folder: PathLike, run: Run) -> None:
    """Write run.npz alone."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (RESULT, *PICTURES):  # of an earlier epoch, or of another run
        (folder / file).unlink(missing_ok=True)
    write_npz(folder / RUN, to_arrays(run))


def write_text_files(folder: PathLike, run: Run) -> None:
    """Write settings.json and history.csv."""
    folder = Path(folder)
    write_json(folder / SETTINGS, {"format": FORMAT, **with_absolute_paths(run.settings)._asdict()})
    names = tuple(run.history[-1])
    rows = [
        [int(row["epoch"]), *("" if np.isnan(x := row.get(name, np.nan)) else x for name in names[1:])]
        for row in run.history
    ]
    write_csv(folder / HISTORY, names, rows)


class Began(NamedTuple):
    """When a training began, by the clock and by the processor."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> "Began":
        """This moment."""
        return cls(time.monotonic(), time.process_time())


def write_result(folder: PathLike, run: Run, figures: Mapping[str, Figures], began: Began) -> None:
    """Write result.json: the learned model's held-out figure beside its baselines'.

    Parameters
    ----------
    folder
        The run folder.
    run
        The run after its last epoch.
    figures
        Of every model and baseline, by name, the learned one first.
    began
        When this training began, or was resumed: seconds are counted from then.
    """
    now = Began.now()
    (_, ours), *baselines = ((name, metric_of(run.task, one)) for name, one in figures.items())
    known = {name: value for name, value in baselines if not np.isnan(value)}
    parameters = parameter_count(run.objectives()[LEARNED].shapes())
    result = {
        "task": run.task.name, "seed": run.settings.seed, "metric": run.task.metric, "ours": ours,
        "baselines": known, "seconds": round(now.clock - began.clock, 1),
        "processor_seconds": round(now.processor - began.processor, 1), "parameters": parameters,
    }  # fmt: skip
    write_json(Path(folder) / RESULT, result)


def to_arrays(run: Run) -> dict[str, Array]:
    """The contents of run.npz."""
    settings = with_absolute_paths(run.settings)._asdict()
    facts, arrays = run.task.packed(run.facts)
    texts = {"format": FORMAT, "settings": settings, "facts": facts}
    names = tuple(run.history[-1])
    return {
        **{name: np.array(json.dumps(value)) for name, value in texts.items()},
        **flatten(arrays),
        "history.columns": np.array(names),
        "history.rows": np.array([[row.get(name, np.nan) for name in names] for row in run.history]),
        **flatten({name: epoch.params for name, epoch in run.epochs.items()}),
        **flatten({"start": run.starts}),
        **({} if run.best is None else flatten({"best": {LEARNED: run.best}})),
        **flatten({"optimizer": {name: epoch.state for name, epoch in run.epochs.items()}}),
    }


def read_run(folder: PathLike, tasks: Tasks) -> Run:
    """Read a run folder; `tasks` are the known tasks by name.

    Raises
    ------
    ValueError
        If it holds no run, or is damaged, or its parts do not fit together; it names the file.
    OSError
        If a file cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder" if folder.exists() else f"{folder} is not there")
    file = folder / RUN
    if not file.is_file():
        raise ValueError(f"{folder} holds no run: it has no {RUN}")
    arrays = read_npz(file)
    if _json(file, arrays, "format") != FORMAT:
        raise ValueError(f'{file} is not of a run: its "format" is not "{FORMAT}"')
    try:
        return _from_arrays(file, arrays, tasks)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(str(file)) else f"{file}: {message}") from None


def _from_arrays(file: Path, arrays: dict[str, Array], tasks: Tasks) -> Run:
    settings = validated(Settings(**check_fields(_json(file, arrays, "settings"))), tasks)
    task = tasks[settings.task]
    facts, fact_arrays = task.unpacked(file, _json(file, arrays, "facts"), arrays)
    run = Run(task, settings, facts, {}, {}, ())
    objectives = run.objectives()
    history = _history(file, arrays, [f"{name}_loss" for name in objectives if name != LEARNED])
    if len(history) > settings.epochs:
        raise ValueError(
            f"{file}: the history has {len(history)} epochs; at most {settings.epochs} are expected"
        )
    parameters = {name: objective.shapes() for name, objective in objectives.items()}
    states = {name: state_shapes(settings, shapes) for name, shapes in parameters.items()}
    best = {"best": {LEARNED: parameters[LEARNED]}} if "validation_loss" in history[-1] else {}
    trees = {**parameters, "start": parameters, **best, "optimizer": states}
    expected = flatten(trees)
    others = ("format", "settings", "facts", *fact_arrays)
    _check_names(file, arrays, {*expected, *others, "history.columns", "history.rows"})
    for name, shape in expected.items():
        model = next(part for part in name.split(".") if part in objectives)
        dtype = np.int64 if name.endswith(".step") else objectives[model].dtype
        check_numbers(file, name, arrays[name], shape, dtype)
        if name.endswith(".step") and arrays[name] < 0:
            raise ValueError(f"{file}: {name} is {arrays[name]}; a number of steps is expected")
    nested = with_leaves(trees, {tuple(name.split(".")): arrays[name] for name in expected})
    last = history[-1]
    losses = {name: last["loss" if name == LEARNED else f"{name}_loss"] for name in parameters}
    epochs = {
        name: Epoch(len(history), losses[name], nested[name], nested["optimizer"][name])
        for name in parameters
    }
    kept = nested["best"][LEARNED] if best else None
    return run._replace(epochs=epochs, starts=nested["start"], history=history, best=kept)


def state_shapes(settings: Settings, shapes: Shapes) -> Shapes:
    """The shapes of an optimizer's state, from those of the parameters."""
    empty = OPTIMIZERS[settings.optimizer].init({})
    return {moment: () if moment == "step" else shapes for moment in empty}


def _json(file: Path, arrays: dict[str, Array], name: str) -> Any:
    array = arrays.get(name)
    if array is None or array.dtype.kind != "U" or array.shape != ():
        raise ValueError(f"{file} is not of a run: it has no text {name!r}")
    try:
        return parse_json(str(array))
    except ValueError as error:
        raise ValueError(f"{file}: {name} is not whole: {error}") from None


def _history(file: Path, arrays: dict[str, Array], losses: Sequence[str]) -> tuple[dict[str, float], ...]:
    columns, rows = arrays.get("history.columns"), arrays.get("history.rows")
    if columns is None or rows is None or rows.dtype != np.float64 or rows.ndim != 2 or not rows.size:
        raise ValueError(f"{file} has no history")
    if columns.shape != rows.shape[1:] or columns.dtype.kind != "U":
        raise ValueError(f"{file}: history.columns does not name the columns of history.rows")
    names = [str(name) for name in columns]
    expected = ("epoch", "loss", "accuracy", *losses)
    for name in expected:
        if name not in names:
            raise ValueError(f"{file}: history.columns does not name {name}")
    if len(set(names)) < len(names):
        raise ValueError(f"{file}: history.columns names a column twice")
    for place, name in enumerate(names):
        if name in ("epoch", "accuracy") or name.endswith("loss"):
            _check_record(file, name, rows[:, place])
    return tuple(dict(zip(names, map(float, row), strict=True)) for row in rows)


def _check_record(file: Path, name: str, values: Array) -> None:
    """Raise ValueError unless epochs count from 1, accuracies are shares and losses finite."""
    numbers = np.arange(1.0, len(values) + 1)
    valid, expected = {
        "epoch": (values == numbers, "the number of its row"),
        "accuracy": ((values >= 0) & (values <= 1), "a number from 0 to 1"),
    }.get(name, (np.isfinite(values) & (values >= 0), "a finite number, at least 0,"))
    if not valid.all():
        row = int(np.argmin(valid))
        raise ValueError(
            f"{file}: {name} in row {row + 1} of the history is {values[row]}; {expected} is expected"
        )


def _check_names(file: Path, arrays: dict[str, Array], expected: Collection[str]) -> None:
    for name in sorted(expected):
        if name not in arrays:
            raise ValueError(f"{file} has no array {name!r}")
    for name in arrays:
        if name not in expected:
            raise ValueError(f"{file} has an array {brief(name)} that does not belong to the run")


def check_numbers(
    file: Path, name: str, array: Array, shape: tuple[int, ...], dtype: Any = np.float64
) -> None:
    """Raise ValueError unless an array of a run has this dtype and shape and finite numbers."""
    if array.dtype != dtype or array.shape != shape:
        expected = f"{np.dtype(dtype)} {shape}"
        raise ValueError(f"{file}: {name} is {array.dtype} {array.shape}; {expected} is expected")
    if not np.isfinite(array).all():
        raise ValueError(f"{file}: {name} holds a number that is not finite")
