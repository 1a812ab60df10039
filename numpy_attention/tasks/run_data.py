"""Data for a saved run: those it was trained on, or other files of the same form."""

import numpy as np

from ..files import PathLike
from ..training.cleaning import Prepared
from ..training.data import Examples
from ..training.run import Run, file_digest
from ..training.settings import check_delimiter
from . import load, sequences, tables


def reload_data(run: Run) -> Prepared:
    """The data that a run was trained on, by the run's normalisation.

    Raises
    ------
    ValueError
        If their file has changed since.
    OSError
        If their file cannot be read.
    """
    if file_digest(run.settings) != run.summary.digest:
        raise ValueError(f"{run.settings.data_file} has changed since the run was trained on it")
    return load(run.settings, normalisation=run.normalisation)


def from_table(run: Run, file: PathLike, *, labelled: bool, delimiter: str | None = None) -> Examples:
    """The examples of a table with the run's columns, found by name; other columns are ignored.

    Without `labelled`, y is 0. Without `delimiter`, it is the run's.

    Raises
    ------
    ValueError
        If the run's data are no table, or the file is not such a table.
    OSError
        If it cannot be read.
    """
    summary = run.summary
    if summary.label is None:
        raise ValueError(f"the run's task, {run.settings.task}, has no columns; --npz takes its examples")
    table = tables.read_table(file, delimiter or run.settings.delimiter)
    values = tables.number_columns(table, summary.columns, strict=run.settings.strict)
    y = tables.class_numbers(table, summary.label, summary.classes) if labelled else np.zeros(len(values))
    return Examples(tables.split_into_tokens(values, summary.tokens, table.file), y)


def from_file(
    run: Run, csv: PathLike | None, npz: PathLike | None, delimiter: str | None, *, labelled: bool
) -> Examples:
    """The examples of a table or, if `csv` is None, of an npz file, which has no delimiter.

    Raises
    ------
    ValueError
        If the file does not hold such examples, or the delimiter is none.
    OSError
        If it cannot be read.
    """
    if delimiter is not None:
        check_delimiter(delimiter)
        if csv is None:
            raise ValueError("--delimiter belongs to --csv FILE")
    if csv is not None:
        return from_table(run, csv, labelled=labelled, delimiter=delimiter)
    assert npz is not None
    return from_sequences(run, npz, labelled=labelled)


def from_sequences(run: Run, file: PathLike, *, labelled: bool) -> Examples:
    """The examples of an npz file with the run's number of tokens and columns.

    Raises
    ------
    ValueError
        If the file does not hold such examples.
    OSError
        If it cannot be read.
    """
    summary = run.summary
    examples, labels = sequences.read_sequences(file, strict=run.settings.strict, labelled=labelled)
    _, tokens, width = examples.x.shape
    if (tokens, width) != (summary.tokens, summary.input_dim):
        raise ValueError(
            f"{file}: x has {tokens} tokens of {width}; {summary.tokens} of {summary.input_dim}, as the run "
            "has, are expected"
        )
    if not labelled:
        return examples
    return sequences.renumber_classes(examples, labels, summary.classes, file)
