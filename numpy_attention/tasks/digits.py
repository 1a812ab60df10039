"""digits: which of ten is this handwritten digit? Each image as 16 patches of 2 x 2 pixels.

The patches attend to each other in one layer of self-attention with learned positions, and are then pooled.
The first 898 images train, the other 899 are held out. For each epoch the training images are distorted
slightly and mixed in pairs, both anew, so the training loss stays well above 0.

The defaults were chosen by 3-fold cross-validation within the 898.
"""

import numpy as np

from ..functional.base.admission import Array
from ..training.objective import Figures
from ..training.settings import Settings
from .classification.classification import Classification
from .classification.cleaning import Prepared
from .classification.data import Data, Examples
from .classification.evaluation import Predictions, figures_without_loss, predicted_classes
from .distortion import distorted
from .drawing import draw_digits
from .images import SIDE, TRAINING_DIGITS, read_digits
from .models import self_attention_classifier

PATCH = 2
MIXING = 0.4
"""α of `mixing`."""


def patches(images: Array) -> Array:
    """(N, 64) -> (N, 16, 4): row by row, and row by row within a patch.

    Examples
    --------
    >>> patches(np.arange(64.0)[None])[0, :2]
    array([[ 0.,  1.,  8.,  9.],
           [ 2.,  3., 10., 11.]])
    """
    tiles = SIDE // PATCH
    grid = images.reshape(-1, tiles, PATCH, tiles, PATCH).swapaxes(2, 3)
    return grid.reshape(-1, tiles * tiles, PATCH * PATCH)


def whole(x: Array) -> Array:
    """(N, 16, 4) -> (N, 64): the inverse of `patches`."""
    tiles = SIDE // PATCH
    return x.reshape(-1, tiles, tiles, PATCH, PATCH).swapaxes(2, 3).reshape(-1, SIDE * SIDE)


def load_data(settings: Settings) -> Data:
    """The first 898 images and the other 899."""
    images, labels = read_digits()
    x = patches(images)
    train, test = (
        Examples(x[rows], labels[rows]) for rows in (slice(TRAINING_DIGITS), slice(TRAINING_DIGITS, None))
    )
    return Data(train, test, tuple("0123456789"))


def distort_patches(rng: np.random.Generator, x: Array) -> Array:
    """The training images, each slightly distorted."""
    return patches(distorted(rng, whole(x)))


def baselines(data: Data) -> dict[str, Figures]:
    """Classification without training: by the nearest training image, and by the nearest class mean."""
    train, test = whole(data.train.x), whole(data.test.x)
    nearest = data.train.y[_distances(test, train).argmin(axis=1)]
    means = np.stack([train[data.train.y == digit].mean(axis=0) for digit in range(len(data.classes))])
    centroid = _distances(test, means).argmin(axis=1)
    return {
        "nearest neighbour": figures_without_loss(nearest, data.test.y),
        "nearest centroid": figures_without_loss(centroid, data.test.y),
    }


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """An image with the weights of its patches, and the digits confused most often."""
    predicted, y = predicted_classes(predictions.logits), data.test.y
    first = int(np.argmax(predicted == y))
    weights = predictions.weights[first].mean(axis=0).reshape(SIDE // PATCH, -1)
    image = draw_digits(whole(data.raw.test.x[first]), np.zeros((0, 1)))
    lines = [f"Image {first + 1}, a {y[first]:.0f}, and the weight of its patches (mean of all heads):"]
    for row, drawn in enumerate(image):
        cells = "".join(f"  {weight:.2f}" for weight in weights[row // PATCH]) if row % PATCH == 0 else ""
        lines.append(f"{drawn:<{SIDE}}  {cells}".rstrip())
    return [*lines, "", *confusions(predicted, y)]


def confusions(predicted: Array, y: Array) -> list[str]:
    """The three most frequent mistakes."""
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (y.astype(int), predicted.astype(int)), 1)
    np.fill_diagonal(table, 0)
    worst = np.argsort(-table, axis=None, kind="stable")[:3]
    places = [(int(place // 10), int(place % 10)) for place in worst if table.flat[place]]
    text = ", ".join(f"{true} read as {read} ({table[true, read]})" for true, read in places)
    return [f"Most often wrong: {text or 'nothing'}"]


def _distances(images: Array, others: Array) -> Array:
    """Squared distances (N, M), exact for whole grey values."""
    squares = (images**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    return np.asarray(squares - 2 * images @ others.T)


def question(settings: Settings, data: Data | None) -> str:
    """The task in one line."""
    return "sixteen patches of a handwritten digit; which of ten is it?"


DIGITS = Classification(
    name="digits",
    question=question,
    load_data=load_data,
    model=self_attention_classifier,
    report=report,
    defaults={
        "epochs": 60,
        "hidden_dim": 64,
        "heads": 8,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.003,
    },
    baselines=baselines,
    augment=distort_patches,
    mixing=MIXING,
)
