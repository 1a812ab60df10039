"""Data for a run that was kept: those it was trained on, or other files in the same form."""

import numpy as np

from ..files import PathLike
from ..training import sequences, tables
from ..training.cleaning import Prepared
from ..training.data import Examples
from ..training.run import Run, digest
from . import load


def same_data(run: Run) -> Prepared:
    """The data that a run was trained on, by its own normalisation.

    Raises
    ------
    ValueError
        If they come from a file that has changed since.
    OSError
        If that file cannot be read.
    """
    if digest(run.settings) != run.facts.digest:
        file = run.settings.csv or run.settings.npz
        raise ValueError(f"{file} has changed since the run was trained on it")
    return load(run.settings, normalisation=run.normalisation)


def from_table(run: Run, file: PathLike, *, labelled: bool) -> Examples:
    """The examples of a table that has the columns of the run's own, by their names; others are not read.

    Without `labelled`, y is 0.

    Raises
    ------
    ValueError
        If the run is not one of a table, or the file is not such a table.
    OSError
        If it cannot be read.
    """
    facts = run.facts
    if facts.label is None:
        raise ValueError(f"the run's task, {run.settings.task}, has no columns; --npz takes its examples")
    table = tables.read_table(file)
    values = tables.numbers(table, facts.columns, strict=run.settings.strict)
    y = tables.numbered(table, facts.label, facts.classes) if labelled else np.zeros(len(values))
    return Examples(tables.filled(values, facts.tokens, table.file), y)


def from_sequences(run: Run, file: PathLike, *, labelled: bool) -> Examples:
    """The examples of an npz file that has the run's number of columns, and of tokens where that matters.

    Raises
    ------
    ValueError
        If the file does not hold such examples.
    OSError
        If it cannot be read.
    """
    facts = run.facts
    examples, said = sequences.read_sequences(file, strict=run.settings.strict, labelled=labelled)
    _, tokens, width = examples.x.shape
    if (tokens, width) != (facts.tokens, facts.input_dim):
        raise ValueError(
            f"{file}: x has {tokens} tokens of {width}; {facts.tokens} of {facts.input_dim}, as the run has, "
            "are expected"
        )
    if not labelled:
        return examples
    return sequences.numbered(examples, said, facts.classes, file)
