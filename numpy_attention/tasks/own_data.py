"""csv and npz: a task from the user's own file, a fifth of each class held out."""

import numpy as np

from ..functional.base.wording import cut, some_names
from ..training.objective import Figures
from ..training.settings import Settings
from .classification.classification import Classification
from .classification.cleaning import Prepared
from .classification.data import Data
from .classification.evaluation import Predictions
from .dropping import index_notes
from .hold_out import split
from .labels import notes
from .models import attention_classifier
from .sequences import read_sequences
from .tables import read_examples
from .token_weights import MAX_CLASSES, token_weights


def load_csv(settings: Settings) -> Data:
    """The rows of a table, its columns filling the tokens in order."""
    assert settings.csv is not None  # required settings: see CSV_TASK
    assert settings.label is not None
    assert settings.tokens is not None
    examples, classes, columns = read_examples(
        settings.csv,
        settings.label,
        settings.tokens,
        settings.strict,
        delimiter=settings.delimiter,
        drop=settings.drop,
        drop_text=settings.drop_text,
        decimal=settings.decimal,
    )
    index = index_notes(examples.x.reshape(len(examples.y), -1), columns, settings.drop)
    data = split(examples, classes, settings.seed, columns=columns, by_place=True, label=settings.label)
    return data._replace(notes=(*notes(classes), *index))


def load_npz(settings: Settings) -> Data:
    """The sequences of an npz file."""
    assert settings.npz is not None  # required setting: see NPZ_TASK
    examples, classes = read_sequences(settings.npz, strict=settings.strict)
    if len(classes) < 2:
        raise ValueError(f"{settings.npz}: every y is {cut(classes[0])}; two classes or more are expected")
    return split(examples, classes, settings.seed)


def question_csv(settings: Settings, data: Data | None) -> str:
    """The options that name a table; with data, the file, its label and its classes."""
    if data is None:
        return "your own table: --csv FILE --label COLUMN --tokens T"
    return f"{settings.csv}, {cut(settings.label or '')}: {_which(data)}"


def question_npz(settings: Settings, data: Data | None) -> str:
    """The option that names a file of sequences; with data, the file and its classes."""
    return "your own sequences: --npz FILE" if data is None else f"{settings.npz}: {_which(data)}"


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """The mean weight of each token, for all held-out examples and class by class."""
    names = [f"token {place}" for place in range(1, predictions.weights.shape[2] + 1)]
    return token_weights(names, predictions.weights, np.asarray(data.test.y), data.raw.classes)


def _which(data: Data) -> str:
    return f"which is it of {some_names(data.classes, MAX_CLASSES)}?"


CSV_TASK = Classification(
    name="csv",
    question=question_csv,
    load_data=load_csv,
    model=attention_classifier,
    report=report,
    defaults={},
    own_settings=("csv", "label", "tokens", "delimiter", "drop", "drop_text", "decimal"),
    required=("csv", "label", "tokens"),
    logistic=True,
)
NPZ_TASK = Classification(
    name="npz",
    question=question_npz,
    load_data=load_npz,
    model=attention_classifier,
    report=report,
    defaults={},
    own_settings=("npz",),
    required=("npz",),
    logistic=True,
)
