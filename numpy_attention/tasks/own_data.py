"""csv and npz: a task from a file of one's own, a fifth of each class held out."""

import numpy as np

from ..training.cleaning import Prepared
from ..training.data import Data, Task
from ..training.evaluation import Figures, Predictions
from ..training.hold_out import split
from ..training.sequences import read_sequences
from ..training.settings import CSV, NPZ, Settings
from ..training.tables import read_examples
from .token_weights import token_weights


def draw_csv(settings: Settings) -> Data:
    """The rows of a table, its columns filling the tokens in order."""
    assert settings.csv is not None  # `checked` saw to it
    assert settings.label is not None
    assert settings.tokens is not None
    examples, classes, columns = read_examples(settings.csv, settings.label, settings.tokens, settings.strict)
    return split(examples, classes, settings.seed, columns=columns, by_place=True)


def draw_npz(settings: Settings) -> Data:
    """The sequences of an npz file."""
    assert settings.npz is not None  # `checked` saw to it
    examples, classes = read_sequences(settings.npz, strict=settings.strict)
    if len(classes) < 2:
        raise ValueError(f"{settings.npz}: every y is {classes[0]}; two classes or more are expected")
    return split(examples, classes, settings.seed)


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """The mean weight of each token, for all held-out examples and class by class."""
    names = [f"token {place}" for place in range(1, predictions.weights.shape[2] + 1)]
    return token_weights(names, predictions.weights, np.asarray(data.test.y), data.raw.classes)


CSV_TASK = Task(
    CSV, "your own table: --csv FILE --label COLUMN --tokens T", draw_csv, report, {}, logistic=True
)
NPZ_TASK = Task(NPZ, "your own sequences: --npz FILE", draw_npz, report, {}, logistic=True)
