"""The run folder: what a training leaves behind.

    run.npz         the run, whole: settings, normalisation, history; for each model its parameters, named as
                    PyTorch's state_dict names them ("learned.features.weight"), where they started, and the
                    optimizer's state
    settings.json   what was asked; `train --config` takes it
    history.csv     what every epoch records
    loss, attention as .png and .svg, where pictures were asked for

run.npz alone is read. It is written anew after every epoch, in one step: whenever a run is killed, the
last complete epoch is there. The others are for readers, and are written after it.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..files import PathLike, read_npz, sweep, write_csv, write_json, write_npz
from ..nn.parameters import Shapes
from ..optim.trees import flatten
from ..optim.updates import with_leaves
from .cleaning import Normalisation
from .data import Array
from .evaluation import Model
from .loop import Epoch
from .optimizers import OPTIMIZERS
from .run import Facts, Run
from .settings import Settings, checked, from_dict

FORMAT = "numpy_attention run 2"
RUN, SETTINGS, HISTORY = "run.npz", "settings.json", "history.csv"
PICTURES = ("loss.png", "loss.svg", "attention.png", "attention.svg")


def admit(out: PathLike) -> Path:
    """`out`, once it is sure that a run may be kept there: it is new, empty, or holds an earlier run.

    Raises
    ------
    ValueError
        If something else is there, or nothing may be written there.
    """
    folder = Path(out)
    there = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
    if not there.is_dir():
        raise ValueError(f"{there} is not a folder; name a new one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"{there} may not be written to")
    if there == folder:
        sweep(folder)
        if any(folder.iterdir()) and not is_run(folder):
            raise ValueError(f"{folder} is not empty and holds no run; name a new folder")
    return folder


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run."""
    try:
        read(folder)
    except (OSError, ValueError):
        return False
    return True


def keep(folder: PathLike, run: Run) -> None:
    """Keep the epoch that `run` stands at, in place of what the folder held.

    Parameters
    ----------
    folder
        What `admit` took; made if it is not there.
    run
        The run, after one epoch at least.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:  # of an earlier epoch, or of another run
        (folder / picture).unlink(missing_ok=True)
    write_npz(folder / RUN, packed(run))
    retell(folder, run)


def retell(folder: PathLike, run: Run) -> None:
    """Write what is there for readers, from the run."""
    folder = Path(folder)
    write_json(folder / SETTINGS, {"format": FORMAT, **run.settings._asdict()})
    names = tuple(run.history[-1])
    rows = [
        [int(row["epoch"]), *("" if np.isnan(row[name]) else row[name] for name in names[1:])]
        for row in run.history
    ]
    write_csv(folder / HISTORY, names, rows)


def packed(run: Run) -> dict[str, Array]:
    """A run as one dict of arrays."""
    words = {"format": FORMAT, "settings": run.settings._asdict(), "facts": run.facts._asdict()}
    names = tuple(run.history[-1])
    return {
        **{name: np.array(json.dumps(value)) for name, value in words.items()},
        **flatten({"normalisation": run.normalisation._asdict()}),
        "history.columns": np.array(names),
        "history.rows": np.array([[row[name] for name in names] for row in run.history]),
        **flatten({name: epoch.params for name, epoch in run.epochs.items()}),
        **flatten({"start": run.starts}),
        **flatten({"optimizer": {name: epoch.state for name, epoch in run.epochs.items()}}),
    }


def read(folder: PathLike) -> Run:
    """Read a run folder.

    Raises
    ------
    ValueError
        If it is none, or is damaged, or its parts do not belong together; it names the file.
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
    if _words(file, arrays, "format") != FORMAT:
        raise ValueError(f'{file} is not of a run: its "format" is not "{FORMAT}"')
    try:
        return _unpacked(file, arrays)
    except ValueError as error:
        told = str(error)
        raise ValueError(told if told.startswith(str(file)) else f"{file}: {told}") from None


def _unpacked(file: Path, arrays: dict[str, Array]) -> Run:
    settings = checked(Settings(**from_dict(_words(file, arrays, "settings"))))
    facts = _facts(file, _words(file, arrays, "facts"))
    normalisation = _normalisation(file, arrays, facts)
    history = _history(file, arrays)
    run = Run(settings, facts, normalisation, {}, {}, history)
    parameters = {name: _shapes(model) for name, model in run.models().items()}
    states = {name: state_shapes(settings, shapes) for name, shapes in parameters.items()}
    trees = {**parameters, "start": parameters, "optimizer": states}
    expected = flatten(trees)
    others = ("format", "settings", "facts", "normalisation.mean", "normalisation.deviation")
    _same_names(file, arrays, {*expected, *others, "history.columns", "history.rows"})
    for name, shape in expected.items():
        _numbers(file, name, arrays[name], shape, np.int64 if name.endswith(".step") else np.float64)
    found = with_leaves(trees, {tuple(name.split(".")): arrays[name] for name in expected})
    last = history[-1]
    losses = {name: last["loss" if name == "learned" else f"{name}_loss"] for name in parameters}
    epochs = {
        name: Epoch(len(history), losses[name], found[name], found["optimizer"][name]) for name in parameters
    }
    return run._replace(epochs=epochs, starts=found["start"])


def state_shapes(settings: Settings, shapes: Shapes) -> Shapes:
    """The shapes of an optimizer's state, from those of the parameters."""
    empty = OPTIMIZERS[settings.optimizer].init({})
    return {moment: () if moment == "step" else shapes for moment in empty}


def _shapes(model: Model) -> Shapes:
    return model.shapes()


def _words(file: Path, arrays: dict[str, Array], name: str) -> Any:
    array = arrays.get(name)
    if array is None or array.dtype.kind != "U" or array.shape != ():
        raise ValueError(f"{file} is not of a run: it has no text {name!r}")
    try:
        return json.loads(str(array))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: {name} is not whole: {error}") from None


def _facts(file: Path, given: Any) -> Facts:
    """The facts, once it is sure that they are what a run writes."""
    kinds: dict[str, Any] = {
        "tokens": int, "input_dim": int, "classes": list, "counts": list, "columns": list,
        "label": (str, type(None)), "digest": (str, type(None)),
    }  # fmt: skip
    if not isinstance(given, dict) or set(given) != set(kinds):
        raise ValueError(f"{file}: facts are not those of a run")
    lists: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in given.items()}
    facts = Facts(**lists)
    whole = all(isinstance(given[name], kind) for name, kind in kinds.items())
    if not whole or len(facts.classes) < 2 or len(facts.counts) != len(facts.classes) or facts.tokens < 1:
        raise ValueError(f"{file}: facts are not those of a run")
    return facts


def _normalisation(file: Path, arrays: dict[str, Array], facts: Facts) -> Normalisation:
    for name in Normalisation._fields:
        if f"normalisation.{name}" not in arrays:
            raise ValueError(f"{file} has no array 'normalisation.{name}'")
    normalisation = Normalisation(*(arrays[f"normalisation.{name}"] for name in Normalisation._fields))
    by_place = normalisation.mean.ndim == 2
    shape = (facts.tokens, facts.input_dim) if by_place else (facts.input_dim,)
    for name, array in normalisation._asdict().items():
        _numbers(file, f"normalisation.{name}", array, shape)
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
    return tuple(dict(zip(names, map(float, row), strict=True)) for row in rows)


def _same_names(file: Path, arrays: dict[str, Array], expected: Collection[str]) -> None:
    for name in sorted(expected):
        if name not in arrays:
            raise ValueError(f"{file} has no array {name!r}")
    for name in arrays:
        if name not in expected:
            raise ValueError(f"{file} has an array {name!r} that does not belong to the run")


def _numbers(file: Path, name: str, array: Array, shape: tuple[int, ...], dtype: Any = np.float64) -> None:
    if array.dtype != dtype or array.shape != shape:
        told = f"{np.dtype(dtype)} {shape}"
        raise ValueError(f"{file}: {name} is {array.dtype} {array.shape}; {told} is expected")
    if not np.isfinite(array).all():
        raise ValueError(f"{file}: {name} holds a number that is not finite")
