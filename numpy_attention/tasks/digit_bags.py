"""digit-bags: a bag of ten handwritten digits, and one label for the whole bag: is there a zero?

Nobody says which digit is the zero. A model that can put a weight on each digit has to find out by itself,
and the weights show whether it did. Any other digit can be asked for instead.

The digits are those of data/digits.csv.gz (attribution in data/README.md): training bags are drawn from the
first 898, held-out bags from the other 899, so that no held-out digit was ever seen.
"""

import numpy as np

import numpy_attention as na

from ..training.cleaning import Prepared
from ..training.data import EXAMPLES, Array, Data, Examples, Task, stream
from ..training.evaluation import Figures, Predictions
from ..training.settings import Settings
from .drawing import draw_digits
from .images import TRAINING_DIGITS, read_digits
from .token_weights import token_weights

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BAG = 10
"""Digits in a bag."""
BAGS = 1000
"""Bags in each part."""


def draw_bags(rng: np.random.Generator, images: Array, labels: Array, bags: int, digit: int = 0) -> Examples:
    """Bags drawn from images (M, 64): every second one, after shuffling, with exactly one zero.

    Parameters
    ----------
    rng
        What they are drawn from.
    images, labels
        (M, 64) and (M,).
    bags
        How many; half of them, rounded down, get a zero.
    digit
        What is asked for instead of a zero.

    Returns
    -------
    Examples
        x (bags, 10, 64), y (bags,), decisive (bags,): where the zero is.
    """
    zeros, others = np.flatnonzero(labels == digit), np.flatnonzero(labels != digit)
    y = rng.permutation(np.arange(bags) < bags // 2)
    chosen = rng.choice(others, size=(bags, BAG))
    place = rng.integers(BAG, size=bags)
    chosen[y, place[y]] = rng.choice(zeros, size=y.sum())
    return Examples(images[chosen], y.astype(np.float64), np.where(y, place, -1))


def draw(settings: Settings) -> Data:
    """1,000 training bags and 1,000 held-out bags."""
    images, labels = read_digits()
    digit = settings.digit or 0
    parts = slice(None, TRAINING_DIGITS), slice(TRAINING_DIGITS, None)
    train, test = (
        draw_bags(stream(settings.seed, EXAMPLES, part), images[rows], labels[rows], BAGS, digit)
        for part, rows in enumerate(parts, 1)
    )
    return Data(train, test, (f"without a {WORDS[digit]}", f"with a {WORDS[digit]}"))


def found(examples: Examples, weights: Array) -> Array:
    """Whether the largest weight is on the zero, for each positive bag.

    weights (N, T), one row a bag; the result has one entry for each bag with a zero.
    """
    decisive = np.asarray(examples.decisive)
    positive = decisive >= 0
    return np.asarray(weights[positive].argmax(axis=1) == decisive[positive])


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """Three bags with their weights, and how often the largest weight is on the zero.

    For bags of one's own, of which nobody says where the zero is: the mean weight of each place.
    """
    if data.raw.test.decisive is None:
        places = [f"digit {place}" for place in range(1, predictions.weights.shape[2] + 1)]
        return token_weights(places, predictions.weights, data.test.y, data.raw.classes)
    return shown(data.raw.test, *predictions, WORDS[settings.digit or 0])


def shown(examples: Examples, logits: Array, weights: Array, word: str = "zero") -> list[str]:
    """The lines of `report`: examples are raw, logits (N,), weights (N, H, T)."""
    decisive, lines = np.asarray(examples.decisive), []
    for title, bag in notable(examples, logits, word):
        probability = na.sigmoid(logits[bag])
        lines += [f"Bag {bag + 1}, {title}; predicted probability of a {word}: {probability:.3f}"]
        lines += [*draw_digits(examples.x[bag], weights[bag], int(decisive[bag])), ""]
    heads = weights.shape[1]
    hits = found(examples, weights.mean(axis=1))
    told = f" (weights averaged over {heads} heads)" if heads > 1 else ""
    lines += [f"Largest weight on the {word}: {_share(hits)} positive bags{told}"]
    if heads > 1:
        each = (found(examples, weights[:, head]) for head in range(heads))
        lines += [f"  head {head}: {_share(hits)}" for head, hits in enumerate(each, 1)]
    return lines


def notable(examples: Examples, logits: Array, word: str = "zero") -> list[tuple[str, int]]:
    """Which bags to show: the first two judged rightly, with a zero and without, and a mistake."""
    positive, said = examples.y == 1, logits > 0
    kinds = {
        f"with a {word}": positive & said,
        f"without a {word}": ~positive & ~said,
        "a mistake": positive != said,
    }
    return [(title, int(np.argmax(which))) for title, which in kinds.items() if which.any()]


def _share(hits: Array) -> str:
    return f"{hits.mean():.3f}, {hits.sum()} of {hits.size}"


DIGIT_BAGS = Task("digit-bags", "ten digits a bag; is there a {word} among them?", draw, report, {"digit": 0})
