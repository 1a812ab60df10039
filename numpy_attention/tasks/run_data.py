"""Data for a saved run: those it was trained on, or other files of the same form."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..training.run import Run, file_digest
from ..training.settings import DATA_FILES, Settings, check_decimal, check_delimiter
from . import load, sequences, tables
from .classification.classification import Classification
from .classification.comparison import LEARNED, fixed_models
from .classification.data import Examples
from .images import refuse_negative


def find_data(run: Run, folder: PathLike) -> Run:
    """The run with the path of its own data file, if it has one, as it is now.

    The path is that in the settings; or where run and data have moved, an end of it ("d.csv", "data/d.csv")
    beside or above the run folder. Only the file that the run was trained on is accepted.

    Raises
    ------
    ValueError
        If the file has changed since, or is not found.
    OSError
        If it cannot be read.
    """
    file = run.settings.data_file
    if file is None:
        return run
    name = next(name for name in DATA_FILES if getattr(run.settings, name) is not None)
    parts = Path(file).parts[1 if Path(file).is_absolute() else 0 :]
    ends = [Path(*parts[start:]) for start in reversed(range(len(parts)))]
    home = Path(os.path.abspath(folder))
    candidates = [Path(file), *(place / end for place in (home, *home.parents) for end in ends)]
    for candidate in filter(Path.exists, candidates):
        found = Settings(**{**run.settings._asdict(), name: str(candidate)})
        if file_digest(found) == run.facts.digest:
            return run._replace(settings=found)
    if Path(file).exists():
        raise ValueError(f"{file} has changed since the run was trained on it")
    other = f", or evaluate another file with --{name}" if name in ("csv", "npz") else ""
    raise ValueError(
        f"{file}, the data of the run, is not there, nor beside {folder}; put it beside the run folder{other}"
    )


def reload_data(run: Run, folder: PathLike) -> tuple[Run, Any]:
    """The run, with the path of its data file as it is now, and its data, by its normalisation.

    Raises
    ------
    ValueError, OSError
        As `find_data` does.
    """
    found = find_data(run, folder)
    return found, load(found.settings, facts=run.facts)


def from_table(
    run: Run, file: PathLike, *, labelled: bool, delimiter: str | None = None, decimal: str | None = None
) -> Examples:
    """The examples of a table with the run's columns, found by name; other columns are ignored.

    Without `labelled`, y is 0. Without `delimiter` and `decimal`, they are the run's.

    Raises
    ------
    ValueError
        If the run's data are no table, or the file is not such a table.
    OSError
        If it cannot be read.
    """
    summary = run.facts
    if summary.label is None:
        raise ValueError(f"the run's task, {run.settings.task}, has no columns; --npz takes its examples")
    table = tables.read_table(file, delimiter or run.settings.delimiter, decimal or run.settings.decimal)
    values = tables.number_columns(table, summary.columns, strict=run.settings.strict)
    y = tables.class_numbers(table, summary.label, summary.classes) if labelled else np.zeros(len(values))
    return Examples(tables.split_into_tokens(values, summary.tokens, table.file), y)


def from_file(
    run: Run,
    csv: PathLike | None,
    npz: PathLike | None,
    delimiter: str | None,
    decimal: str | None,
    *,
    labelled: bool,
) -> Examples:
    """The examples of a table or, if `csv` is None, of an npz file, which has neither delimiter nor decimal.

    Raises
    ------
    ValueError
        If the task takes none, the file does not hold such examples, or the delimiter or decimal is none.
    OSError
        If it cannot be read.
    """
    if not isinstance(run.task, Classification):
        raise ValueError(f"the run's task, {run.settings.task}, takes no examples from a file")
    if delimiter is not None:
        check_delimiter(delimiter)
        if csv is None:
            raise ValueError("--delimiter belongs to --csv FILE")
    if decimal is not None:
        check_decimal(decimal)
        if csv is None:
            raise ValueError("--decimal belongs to --csv FILE")
    if csv is not None:
        return from_table(run, csv, labelled=labelled, delimiter=delimiter, decimal=decimal)
    assert npz is not None
    return from_sequences(run, npz, labelled=labelled)


def from_sequences(run: Run, file: PathLike, *, labelled: bool) -> Examples:
    """The examples of an npz file with the run's columns, of any number of tokens unless the model has one.

    Raises
    ------
    ValueError
        If the file does not hold such examples.
    OSError
        If it cannot be read.
    """
    summary, task = run.facts, cast(Classification, run.task)
    examples, labels = sequences.read_sequences(file, strict=run.settings.strict, labelled=labelled)
    if task.tokens_of is not None:
        examples = _patched(run, examples, file, task.tokens_of)
    _, tokens, width = examples.x.shape
    if width != summary.input_dim or not takes_tokens(run, tokens):
        raise ValueError(
            f"{file}: x has {tokens} tokens of {width}; {summary.tokens} of {summary.input_dim}, as the run "
            "has, are expected"
        )
    if not labelled:
        return examples
    return sequences.renumber_classes(examples, labels, summary.classes, file)


def _patched(
    run: Run, images: Examples, file: PathLike, tokens_of: Callable[[Array], Array]
) -> Examples:  # fmt: skip
    """Images (N, H, W) as the tokens of the run's model, which has as many."""
    side = math.isqrt(run.facts.tokens * run.facts.input_dim)
    if images.x.shape[1:] != (side, side) or images.lengths is not None:
        came = f"images of {images.x.shape[1]} x {images.x.shape[2]}"
        came = came if images.lengths is None else "sequences with lengths"
        raise ValueError(f"{file}: x has {came}; images of {side} x {side}, as the run has, are expected")
    refuse_negative(file, images.x)
    return images._replace(x=tokens_of(images.x))


def takes_tokens(run: Run, tokens: int) -> bool:
    """True if normalisation and model of the run take examples of this many tokens."""
    by_place = run.facts.normalisation.mean.ndim == 2
    return tokens == run.facts.tokens or not (by_place or LEARNED in fixed_models(run, tokens))
