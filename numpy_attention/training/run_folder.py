"""The run folder: the files that a training leaves.

    run.npz         the whole run: settings, normalisation, history; for each model its parameters, named as
                    PyTorch's state_dict names them ("learned.features.weight"), their initial values, and the
                    optimizer's state
    settings.json   the settings; `train --config` reads them
    history.csv     the records of every epoch
    loss, attention as .png and .svg, with `train --plot`

Only run.npz is read back. It is replaced atomically after every epoch: whenever a run is killed, its last
complete epoch is there. The other files are for people and other programs, and are written after it. Paths of
files are kept absolute. While a training writes, it holds `folder_lock.LOCK`.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import PathLike, is_partial_file, parse_json, read_npz, write_csv, write_json, write_npz
from ..functional.base.admission import Array
from ..functional.base.wording import brief
from ..nn.parameters import Shapes
from ..optim.trees import flatten
from ..optim.updates import with_leaves
from .cleaning import Normalisation
from .comparison import LEARNED
from .folder_lock import LOCK
from .loop import Epoch
from .optimizers import OPTIMIZERS
from .run import DataSummary, Run
from .settings import Settings, check_fields, with_absolute_paths
from .task import Task, validated

FORMAT = "numpy_attention run 2"
RUN, SETTINGS, HISTORY = "run.npz", "settings.json", "history.csv"
PICTURES = ("loss.png", "loss.svg", "attention.png", "attention.svg")
Tasks = Mapping[str, Task]


def check_folder(out: PathLike, tasks: Tasks) -> Path:
    """`out` as a path; raises unless it is new, empty, or holds a run, and can be written to.

    Raises
    ------
    ValueError
        If it holds something else, is no folder, or is not writable.
    """
    folder = Path(out)
    existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
    if not existing.is_dir():
        raise ValueError(f"{existing} is not a folder; name a new one")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"{existing} may not be written to")
    if existing == folder and not is_empty(folder) and not holds_run(folder, tasks):
        raise ValueError(f"{folder} is not empty and holds no run; name a new folder")
    return folder


def own_files(folder: PathLike) -> tuple[Path, ...]:
    """The files that a training writes in its folder."""
    return tuple(Path(folder) / name for name in (RUN, SETTINGS, HISTORY, *PICTURES))


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
    for picture in PICTURES:  # of an earlier epoch, or of another run
        (folder / picture).unlink(missing_ok=True)
    write_npz(folder / RUN, to_arrays(run))


def write_text_files(folder: PathLike, run: Run) -> None:
    """Write settings.json and history.csv."""
    folder = Path(folder)
    write_json(folder / SETTINGS, {"format": FORMAT, **with_absolute_paths(run.settings)._asdict()})
    names = tuple(run.history[-1])
    rows = [
        [int(row["epoch"]), *("" if np.isnan(row[name]) else row[name] for name in names[1:])]
        for row in run.history
    ]
    write_csv(folder / HISTORY, names, rows)


def to_arrays(run: Run) -> dict[str, Array]:
    """The contents of run.npz."""
    settings = with_absolute_paths(run.settings)._asdict()
    texts = {"format": FORMAT, "settings": settings, "facts": run.summary._asdict()}
    names = tuple(run.history[-1])
    return {
        **{name: np.array(json.dumps(value)) for name, value in texts.items()},
        **flatten({"normalisation": run.normalisation._asdict()}),
        "history.columns": np.array(names),
        "history.rows": np.array([[row[name] for name in names] for row in run.history]),
        **flatten({name: epoch.params for name, epoch in run.epochs.items()}),
        **flatten({"start": run.starts}),
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
    summary = _summary(file, _json(file, arrays, "facts"))
    normalisation = _normalisation(file, arrays, summary)
    history = _history(file, arrays)
    if len(history) > settings.epochs:
        raise ValueError(
            f"{file}: the history has {len(history)} epochs; at most {settings.epochs} are expected"
        )
    run = Run(tasks[settings.task], settings, summary, normalisation, {}, {}, history)
    parameters = {name: model.shapes() for name, model in run.models().items()}
    states = {name: state_shapes(settings, shapes) for name, shapes in parameters.items()}
    trees = {**parameters, "start": parameters, "optimizer": states}
    expected = flatten(trees)
    others = ("format", "settings", "facts", "normalisation.mean", "normalisation.deviation")
    _check_names(file, arrays, {*expected, *others, "history.columns", "history.rows"})
    for name, shape in expected.items():
        _check_numbers(file, name, arrays[name], shape, np.int64 if name.endswith(".step") else np.float64)
        if name.endswith(".step") and arrays[name] < 0:
            raise ValueError(f"{file}: {name} is {arrays[name]}; a number of steps is expected")
    nested = with_leaves(trees, {tuple(name.split(".")): arrays[name] for name in expected})
    last = history[-1]
    losses = {name: last["loss" if name == LEARNED else f"{name}_loss"] for name in parameters}
    epochs = {
        name: Epoch(len(history), losses[name], nested[name], nested["optimizer"][name])
        for name in parameters
    }
    return run._replace(epochs=epochs, starts=nested["start"])


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


def _summary(file: Path, facts: Any) -> DataSummary:
    """The summary from its JSON form; raises unless it has the fields and types that a run writes."""
    kinds: dict[str, Any] = {
        "tokens": int, "input_dim": int, "classes": list, "counts": list, "columns": list,
        "label": (str, type(None)), "digest": (str, type(None)),
    }  # fmt: skip
    if not isinstance(facts, dict) or set(facts) != set(kinds):
        raise ValueError(f"{file}: facts are not those of a run")
    for name, kind in kinds.items():
        if not isinstance(facts[name], kind) or not _valid_fact(name, facts[name]):
            raise ValueError(f"{file}: facts are not those of a run: {name} is {brief(facts[name])}")
    if len(facts["counts"]) != len(facts["classes"]):
        raise ValueError(f"{file}: facts are not those of a run: counts and classes differ in number")
    fields: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in facts.items()}
    return DataSummary(**fields)


def _valid_fact(name: str, value: Any) -> bool:
    if name in ("tokens", "input_dim"):
        return type(value) is int and value >= 1
    if name == "counts":
        return all(type(count) is int and count >= 0 for count in value) and any(value)
    if name in ("classes", "columns"):
        texts = all(type(text) is str for text in value)
        return texts and len(set(value)) == len(value) and (name == "columns" or len(value) >= 2)
    return True


def _normalisation(file: Path, arrays: dict[str, Array], summary: DataSummary) -> Normalisation:
    for name in Normalisation._fields:
        if f"normalisation.{name}" not in arrays:
            raise ValueError(f"{file} has no array 'normalisation.{name}'")
    normalisation = Normalisation(*(arrays[f"normalisation.{name}"] for name in Normalisation._fields))
    by_place = normalisation.mean.ndim == 2
    shape = (summary.tokens, summary.input_dim) if by_place else (summary.input_dim,)
    for name, array in normalisation._asdict().items():
        _check_numbers(file, f"normalisation.{name}", array, shape)
    if not (normalisation.deviation > 0).all():
        raise ValueError(f"{file}: normalisation.deviation has an entry that is not above 0")
    return normalisation


def _history(file: Path, arrays: dict[str, Array]) -> tuple[dict[str, float], ...]:
    columns, rows = arrays.get("history.columns"), arrays.get("history.rows")
    if columns is None or rows is None or rows.dtype != np.float64 or rows.ndim != 2 or not rows.size:
        raise ValueError(f"{file} has no history")
    if columns.shape != rows.shape[1:] or columns.dtype.kind != "U":
        raise ValueError(f"{file}: history.columns does not name the columns of history.rows")
    names = [str(name) for name in columns]
    if not {"epoch", "loss", "accuracy", "uniform_loss"} <= set(names):
        raise ValueError(f"{file}: history.columns does not name epoch, loss, accuracy and uniform_loss")
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


def _check_numbers(
    file: Path, name: str, array: Array, shape: tuple[int, ...], dtype: Any = np.float64
) -> None:
    if array.dtype != dtype or array.shape != shape:
        expected = f"{np.dtype(dtype)} {shape}"
        raise ValueError(f"{file}: {name} is {array.dtype} {array.shape}; {expected} is expected")
    if not np.isfinite(array).all():
        raise ValueError(f"{file}: {name} holds a number that is not finite")
