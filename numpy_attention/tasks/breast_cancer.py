"""breast-cancer: 569 patients, ten measurements of cell nuclei three times over; is the tumour malignant?

The tokens are the mean over a patient's nuclei, its standard error, and the worst value. A fifth of each
class is held out. The data are in data/breast_cancer.csv (attribution in data/README.md).

The report compares attention with its baselines; here the figures show that it is not needed.
"""

import math
from importlib import resources

import numpy as np

from ..training.objective import Figures
from ..training.settings import Settings
from .classification.classification import Classification
from .classification.cleaning import Prepared
from .classification.data import Data
from .classification.evaluation import Predictions
from .classification.records import focus
from .hold_out import split
from .models import attention_classifier
from .tables import read_examples
from .token_weights import token_weights

LABEL, TOKENS = "diagnosis", ("mean", "standard error", "worst")


def load_data(settings: Settings) -> Data:
    """569 patients, a fifth of each class held out."""
    with resources.as_file(resources.files(__package__) / "data" / "breast_cancer.csv") as file:
        examples, classes, columns = read_examples(file, LABEL, len(TOKENS), settings.strict)
    return split(examples, classes, settings.seed, columns=columns, by_place=True, label=LABEL)


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """The mean weight of each token, and whether attention was needed."""
    y = np.asarray(data.test.y)
    lines = token_weights(TOKENS, predictions.weights, y, data.raw.classes)
    mean_focus = focus(predictions.weights[:, :, None])
    learned, uniform, logistic = (row.accuracy for row in list(rows.values())[:3])
    return [*lines, "", *verdict(learned, uniform, logistic, len(y), mean_focus)]


def verdict(learned: float, uniform: float, logistic: float, size: int, mean_focus: float) -> list[str]:
    """Whether attention helps: by more than one standard error over both baselines.

    Parameters
    ----------
    learned, uniform, logistic
        Accuracies on the held-out part.
    size
        Number of held-out examples.
    mean_focus
        Focus of the weights, see `records`.
    """
    error = math.sqrt(max(learned * (1 - learned), 0.0) / size)
    helps = learned - max(uniform, logistic) > error
    first = "Attention helps here" if helps else "Attention is not needed here"
    lines = [
        f"{first}: {learned:.3f} with it, {uniform:.3f} with uniform weights, {logistic:.3f} by logistic",
        f"regression on all columns; the standard error of such a figure is {error:.3f}.",
    ]
    spread = "nearly flat" if mean_focus < 0.1 else "not flat"
    scale = "where 0 is uniform and 1 a single token"
    return [*lines, f"The map is {spread}: its focus is {mean_focus:.3f}, {scale}."]


def question(settings: Settings, data: Data | None) -> str:
    """The task in one line."""
    return "ten measurements three times over; is the tumour malignant?"


BREAST_CANCER = Classification(
    name="breast-cancer",
    question=question,
    load_data=load_data,
    model=attention_classifier,
    report=report,
    defaults={"epochs": 100},
    logistic=True,
)
