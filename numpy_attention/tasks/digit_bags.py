"""digit-bags: a bag of ten handwritten digits, and one label for the whole bag: is there a zero?

The label does not say which digit is the zero: a model has to learn it, and its attention weights show
whether it did. The setting `digit` chooses another digit.

The digits are in data/digits.csv.gz (attribution in data/README.md). Training bags are drawn from the first
898, held-out bags from the other 899, so no held-out digit occurs in training.
"""

import numpy as np

from ..functional.base.admission import Array
from ..functional.layers.activations import sigmoid
from ..training.objective import Figures
from ..training.settings import Settings
from ..training.streams import EXAMPLES, stream
from .classification.classification import Classification
from .classification.cleaning import Prepared
from .classification.data import Data, Examples
from .classification.evaluation import Predictions
from .drawing import draw_digits
from .images import TRAINING_DIGITS, read_digits
from .models import attention_classifier
from .token_weights import token_weights

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BAG = 10
"""Digits in a bag."""
BAGS = 1000
"""Bags in each part."""


def draw_bags(rng: np.random.Generator, images: Array, labels: Array, bags: int, digit: int = 0) -> Examples:
    """Bags drawn from images (M, 64): half of them, in random order, with exactly one zero.

    Parameters
    ----------
    rng
        Source of randomness.
    images, labels
        (M, 64) and (M,).
    bags
        Number of bags; half of them, rounded down, have a zero.
    digit
        The digit to look for instead of zero.

    Returns
    -------
    Examples
        x (bags, 10, 64), y (bags,), decisive (bags,): the index of the zero.
    """
    zeros, others = np.flatnonzero(labels == digit), np.flatnonzero(labels != digit)
    y = rng.permutation(np.arange(bags) < bags // 2)
    chosen = rng.choice(others, size=(bags, BAG))
    place = rng.integers(BAG, size=bags)
    chosen[y, place[y]] = rng.choice(zeros, size=y.sum())
    return Examples(images[chosen], y.astype(np.float64), np.where(y, place, -1))


def load_data(settings: Settings) -> Data:
    """1,000 training bags and 1,000 held-out bags."""
    images, labels = read_digits()
    digit = settings.digit or 0
    parts = slice(None, TRAINING_DIGITS), slice(TRAINING_DIGITS, None)
    train, test = (
        draw_bags(stream(settings.seed, EXAMPLES, part), images[rows], labels[rows], BAGS, digit)
        for part, rows in enumerate(parts, 1)
    )
    return Data(train, test, (f"without a {WORDS[digit]}", f"with a {WORDS[digit]}"))


def largest_weight_hits(examples: Examples, weights: Array) -> Array:
    """True where the largest weight is on the zero: one entry for each bag with a zero.

    weights (N, T), one row a bag.
    """
    decisive = np.asarray(examples.decisive)
    positive = decisive >= 0
    return np.asarray(weights[positive].argmax(axis=1) == decisive[positive])


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """Three bags with their weights, and how often the largest weight is on the zero.

    For bags from a file, where the index of the zero is unknown: the mean weight of each place.
    """
    if data.raw.test.decisive is None:
        places = [f"digit {place}" for place in range(1, predictions.weights.shape[2] + 1)]
        return token_weights(places, predictions.weights, data.test.y, data.raw.classes)
    return bag_lines(data.raw.test, *predictions, WORDS[settings.digit or 0])


def bag_lines(examples: Examples, logits: Array, weights: Array, word: str = "zero") -> list[str]:
    """The lines of `report`: examples are raw, logits (N,), weights (N, H, T)."""
    decisive, lines = np.asarray(examples.decisive), []
    for title, bag in bags_to_show(examples, logits, word):
        probability = sigmoid(logits[bag])
        lines += [f"Bag {bag + 1}, {title}; predicted probability of a {word}: {probability:.3f}"]
        lines += [*draw_digits(examples.x[bag], weights[bag], int(decisive[bag])), ""]
    heads = weights.shape[1]
    hits = largest_weight_hits(examples, weights.mean(axis=1))
    averaged = f" (weights averaged over {heads} heads)" if heads > 1 else ""
    lines += [f"Largest weight on the {word}: {_share(hits)} positive bags{averaged}"]
    if heads > 1:
        each = (largest_weight_hits(examples, weights[:, head]) for head in range(heads))
        lines += [f"  head {head}: {_share(hits)}" for head, hits in enumerate(each, 1)]
    return lines


def bags_to_show(examples: Examples, logits: Array, word: str = "zero") -> list[tuple[str, int]]:
    """Title and index of the first correct bag with a zero, the first without, and the first mistake."""
    positive, predicted = examples.y == 1, logits > 0
    kinds = {
        f"with a {word}": positive & predicted,
        f"without a {word}": ~positive & ~predicted,
        "a mistake": positive != predicted,
    }
    return [(title, int(np.argmax(bags))) for title, bags in kinds.items() if bags.any()]


def _share(hits: Array) -> str:
    return f"{hits.mean():.3f}, {hits.sum()} of {hits.size}"


def question(settings: Settings, data: Data | None) -> str:
    """The task in one line, with the digit to look for."""
    return f"ten digits a bag; is there a {WORDS[settings.digit or 0]} among them?"


DIGIT_BAGS = Classification(
    name="digit-bags",
    question=question,
    load_data=load_data,
    model=attention_classifier,
    report=report,
    defaults={"digit": 0},
    own_settings=("digit",),
)
