"""The run folder: what a training leaves behind, each file whole or not there.

    settings.json       what was asked; its "format" says whose folder this is
    normalisation.npz   mean and deviation of the training part
    parameters.npz      "learned.…" and "uniform.…", named as PyTorch's state_dict names them
    history.csv         epoch, loss, loss of the baseline with uniform weights

The last two are written anew after every epoch.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from numpy_attention.files import (
    PathLike,
    read_json,
    read_npz,
    write_csv,
    write_json,
    write_npz,
)
from numpy_attention.optim.trees import flatten, replaced

from .cleaning import Normalisation
from .model import AttentionClassifier, Params
from .scoring import UNIFORM
from .settings import Settings, from_dict
from .task import Array

FORMAT = "numpy_attention run 1"
SETTINGS, NORMALISATION = "settings.json", "normalisation.npz"
PARAMETERS, HISTORY = "parameters.npz", "history.csv"


class Run(NamedTuple):
    """What a run folder holds."""

    settings: Settings
    normalisation: Normalisation
    learned: Params
    uniform: Params


def models(settings: Settings, input_dim: int) -> tuple[AttentionClassifier, AttentionClassifier]:
    """The model that a run trains, and its twin with uniform weights."""
    learned = AttentionClassifier(input_dim, settings.hidden_dim, settings.heads, settings.score)
    return learned, learned._replace(score=UNIFORM)


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
    if there == folder and any(folder.iterdir()) and not is_run(folder):
        raise ValueError(f"{folder} is not empty and holds no run; name a new folder")
    return folder


def is_run(folder: Path) -> bool:
    """Whether the folder says that it holds a run."""
    try:
        _read_settings(folder)
    except (OSError, ValueError):
        return False
    return True


def keep(folder: PathLike, run: Run, history: Sequence[tuple[int, float, float]]) -> None:
    """Keep the epoch that `run` stands at: after the first, in place of any earlier run.

    Parameters
    ----------
    folder
        What `admit` took; made if it is not there.
    run
        The settings, and both models as they are after the epoch.
    history
        (epoch, loss, loss with uniform weights) of every epoch so far.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder = Path(folder)
    if len(history) == 1:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (PARAMETERS, HISTORY):  # of an earlier run: never beside the new settings
            (folder / name).unlink(missing_ok=True)
        write_json(folder / SETTINGS, {"format": FORMAT, **run.settings._asdict()})
        write_npz(folder / NORMALISATION, run.normalisation._asdict())
    write_npz(folder / PARAMETERS, flatten({"learned": run.learned, UNIFORM: run.uniform}))
    write_csv(folder / HISTORY, ("epoch", "loss", "uniform_loss"), history)


def read(folder: PathLike) -> Run:
    """Read a run folder.

    Raises
    ------
    ValueError
        If it is none, or is damaged, or its files do not belong together; it names the file.
    OSError
        If a file cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder" if folder.exists() else f"{folder} is not there")
    settings = _read_settings(folder)
    for name in (NORMALISATION, PARAMETERS):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}; the run in it did not complete an epoch")
    normalisation = _read_normalisation(folder / NORMALISATION)
    learned, uniform = models(settings, normalisation.mean.size)
    shapes = {"learned": learned.shapes(), UNIFORM: uniform.shapes()}
    file = folder / PARAMETERS
    arrays = read_npz(file)
    expected = flatten(shapes)
    _same_names(file, arrays, expected)
    for name, shape in expected.items():
        _numbers(file, name, arrays[name], shape)
    params = replaced(shapes, {tuple(name.split(".")): array for name, array in arrays.items()})
    return Run(settings, normalisation, params["learned"], params[UNIFORM])


def _read_settings(folder: Path) -> Settings:
    file = folder / SETTINGS
    if not file.is_file():
        raise ValueError(f"{folder} holds no run: it has no {SETTINGS}")
    given = read_json(file)
    if not isinstance(given, dict) or given.pop("format", None) != FORMAT:
        raise ValueError(f'{file} is not of a run: its "format" is not "{FORMAT}"')
    try:
        return from_dict(given)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _read_normalisation(file: Path) -> Normalisation:
    arrays = read_npz(file)
    _same_names(file, arrays, Normalisation._fields)
    shape = arrays["mean"].shape[:1] or (1,)
    normalisation = Normalisation(*(arrays[name] for name in Normalisation._fields))
    for name, array in normalisation._asdict().items():
        _numbers(file, name, array, shape)
    if not (normalisation.deviation > 0).all():
        raise ValueError(f"{file}: deviation has an entry that is not above 0")
    return normalisation


def _same_names(file: Path, arrays: dict[str, Array], expected: Collection[str]) -> None:
    for name in expected:
        if name not in arrays:
            raise ValueError(f"{file} has no array {name!r}")
    for name in arrays:
        if name not in expected:
            raise ValueError(f"{file} has an array {name!r} that does not belong to the run")


def _numbers(file: Path, name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.dtype != np.float64 or array.shape != shape:
        raise ValueError(f"{file}: {name} is {array.dtype} {array.shape}; float64 {shape} is expected")
    if not np.isfinite(array).all():
        raise ValueError(f"{file}: {name} holds a number that is not finite")
