"""digit-bags: a bag of ten handwritten digits, and one label for the whole bag: is there a zero?

Nobody says which digit is the zero. A model that can put a weight on each digit has to find out by itself,
and the weights show whether it did.

The digits are those of data/digits.csv.gz (attribution in data/README.md): training bags are drawn from the
first 898, held-out bags from the other 899, so that no held-out digit was ever seen.
"""

import gzip
from importlib import resources

import numpy as np

import numpy_attention as na

from .drawing import draw_digits
from .task import EXAMPLES, Array, Data, Examples, Task, stream

BAG = 10
"""Digits in a bag."""
BAGS = 1000
"""Bags in each part."""
TRAINING_DIGITS = 898
"""The digits from which training bags are drawn; the rest is held out."""


def read_digits() -> tuple[Array, Array]:
    """The digits that ship with the package: images (1797, 64), grey values 0-16, and labels (1797,)."""
    file = resources.files(__package__) / "data" / "digits.csv.gz"
    with file.open("rb") as packed, gzip.open(packed, "rt") as text:
        table = np.loadtxt(text, delimiter=",")
    return table[:, :-1], table[:, -1]


def draw_bags(rng: np.random.Generator, images: Array, labels: Array, bags: int) -> Examples:
    """Bags drawn from images (M, 64): every second one, after shuffling, with exactly one zero.

    Parameters
    ----------
    rng
        What they are drawn from.
    images, labels
        (M, 64) and (M,).
    bags
        How many; half of them, rounded down, get a zero.

    Returns
    -------
    Examples
        x (bags, 10, 64), y (bags,), decisive (bags,): where the zero is.
    """
    zeros, others = np.flatnonzero(labels == 0), np.flatnonzero(labels != 0)
    y = rng.permutation(np.arange(bags) < bags // 2)
    chosen = rng.choice(others, size=(bags, BAG))
    place = rng.integers(BAG, size=bags)
    chosen[y, place[y]] = rng.choice(zeros, size=y.sum())
    return Examples(images[chosen], y.astype(np.float64), np.where(y, place, -1))


def draw(seed: int) -> Data:
    """1,000 training bags and 1,000 held-out bags."""
    images, labels = read_digits()
    parts = slice(None, TRAINING_DIGITS), slice(TRAINING_DIGITS, None)
    train, test = (
        draw_bags(stream(seed, EXAMPLES, part), images[rows], labels[rows], BAGS)
        for part, rows in enumerate(parts, 1)
    )
    return Data(train, test)


def found(examples: Examples, weights: Array) -> Array:
    """Whether the largest weight is on the zero, for each positive bag.

    weights (N, T), one row a bag; the result has one entry for each bag with a zero.
    """
    positive = examples.decisive >= 0
    return np.asarray(weights[positive].argmax(axis=1) == examples.decisive[positive])


def report(examples: Examples, logits: Array, weights: Array) -> list[str]:
    """Three bags with their weights, and how often the largest weight is on the zero.

    examples are raw, logits (N,), weights (N, H, T).
    """
    lines = []
    for title, bag in notable(examples, logits):
        probability = na.sigmoid(logits[bag])
        lines += [f"Bag {bag + 1}, {title}; predicted probability of a zero: {probability:.3f}"]
        lines += [*draw_digits(examples.x[bag], weights[bag], int(examples.decisive[bag])), ""]
    heads = weights.shape[1]
    hits = found(examples, weights.mean(axis=1))
    told = f" (weights averaged over {heads} heads)" if heads > 1 else ""
    lines += [f"Largest weight on the zero: {_share(hits)} positive bags{told}"]
    if heads > 1:
        each = (found(examples, weights[:, head]) for head in range(heads))
        lines += [f"  head {head}: {_share(hits)}" for head, hits in enumerate(each, 1)]
    return lines


def notable(examples: Examples, logits: Array) -> list[tuple[str, int]]:
    """Which bags to show: the first two judged rightly, with a zero and without, and a mistake."""
    positive, said = examples.y == 1, logits > 0
    kinds = {
        "with a zero": positive & said,
        "without a zero": ~positive & ~said,
        "a mistake": positive != said,
    }
    return [(title, int(np.argmax(which))) for title, which in kinds.items() if which.any()]


def _share(hits: Array) -> str:
    return f"{hits.mean():.3f}, {hits.sum()} of {hits.size}"


DIGIT_BAGS = Task("digit-bags", "ten digits a bag; is there a zero among them?", draw, report)
