"""breast-cancer: 569 patients, each with ten measurements of cell nuclei three times over; is it malignant?

The three are the tokens: the mean over a patient's nuclei, its standard error, and the worst. A fifth of each
class is held out. The data are those of data/breast_cancer.csv (attribution in data/README.md).

Attention is not always needed, and here it is not: the report says so where the figures do.
"""

import math
from importlib import resources

import numpy as np

from ..training.cleaning import Prepared
from ..training.data import Data, Task
from ..training.evaluation import Figures, Predictions
from ..training.hold_out import split
from ..training.records import focus
from ..training.settings import Settings
from ..training.tables import read_examples
from .token_weights import token_weights

LABEL, TOKENS = "diagnosis", ("mean", "standard error", "worst")


def draw(settings: Settings) -> Data:
    """569 patients, a fifth of each class held out."""
    with resources.as_file(resources.files(__package__) / "data" / "breast_cancer.csv") as file:
        examples, classes, columns = read_examples(file, LABEL, len(TOKENS), settings.strict)
    return split(examples, classes, settings.seed, columns=columns, by_place=True)


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """The mean weight of each token, and whether attention was needed."""
    y = np.asarray(data.test.y)
    lines = token_weights(TOKENS, predictions.weights, y, data.raw.classes)
    flat = focus(predictions.weights[:, :, None])
    learned, uniform, logistic = (row.accuracy for row in list(rows.values())[:3])
    return [*lines, "", *verdict(learned, uniform, logistic, len(y), flat)]


def verdict(learned: float, uniform: float, logistic: float, size: int, flat: float) -> list[str]:
    """What the figures say about attention; the differences are held against one standard error.

    Parameters
    ----------
    learned, uniform, logistic
        Accuracies on the held-out part.
    size
        How many examples that is.
    flat
        How focused the weights are: 0 is uniform.
    """
    error = math.sqrt(max(learned * (1 - learned), 0.0) / size)
    needed = learned - max(uniform, logistic) > error
    first = "Attention helps here" if needed else "Attention is not needed here"
    lines = [
        f"{first}: {learned:.3f} with it, {uniform:.3f} with uniform weights, {logistic:.3f} by logistic",
        f"regression on all columns; the standard error of such a figure is {error:.3f}.",
    ]
    spread = "nearly flat" if flat < 0.1 else "not flat"
    return [*lines, f"The map is {spread}: its focus is {flat:.3f}, where 0 is uniform and 1 a single token."]


BREAST_CANCER = Task(
    "breast-cancer",
    "ten measurements three times over; is the tumour malignant?",
    draw,
    report,
    {"epochs": 100},
    logistic=True,
)
