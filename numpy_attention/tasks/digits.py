"""digits: which of ten is this handwritten digit? Each image as 16 patches of 2 x 2 pixels.

A vision transformer reads the patches; the rollout of its attention shows how much of each reaches the mean
of all tokens. The first 898 images train, the other 899 are held out; of images of your own a fifth of each
class is. For each epoch the training images are distorted slightly and mixed in pairs, both anew, so the
training loss stays well above 0.

The defaults were chosen on the first and on the last third of the 898, training on the others.
"""

import math
from collections.abc import Sequence

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.wording import some_names
from ..training.objective import Figures
from ..training.run import Run
from ..training.settings import Settings
from ..training.task import Sheet
from .classification.attention_map import some_of_each
from .classification.classification import Classification
from .classification.cleaning import Prepared
from .classification.comparison import LEARNED, models_of
from .classification.data import Data, Examples
from .classification.evaluation import Predictions, figures_without_loss, predict, predicted_classes
from .distortion import distorted
from .drawing import draw_image
from .hold_out import split
from .images import TRAINING_DIGITS, nearest, read_digits, read_images
from .models import ADAPTIVE, patch_classifier
from .token_weights import MAX_CLASSES

PATCH = 2
MIXING = 0.4
"""α of `mixing`."""


def patches(images: Array) -> Array:
    """(N, side²) -> (N, T, 4): row by row, and row by row within a patch.

    Examples
    --------
    >>> patches(np.arange(64.0)[None])[0, :2]
    array([[ 0.,  1.,  8.,  9.],
           [ 2.,  3., 10., 11.]])
    """
    tiles = math.isqrt(images[0].size) // PATCH
    grid = images.reshape(-1, tiles, PATCH, tiles, PATCH).swapaxes(2, 3)
    return grid.reshape(-1, tiles * tiles, PATCH * PATCH)


def whole(x: Array) -> Array:
    """(N, T, 4) -> (N, side²): the inverse of `patches`."""
    tiles = math.isqrt(x.shape[1])
    return x.reshape(-1, tiles, tiles, PATCH, PATCH).swapaxes(2, 3).reshape(-1, x[0].size)


def load_data(settings: Settings) -> Data:
    """The first 898 images and the other 899; or those of a file, a fifth of each class held out."""
    if settings.npz is not None:
        own, y, classes = read_images(settings.npz, even=PATCH)
        return split(Examples(patches(own), y), classes, settings.seed)
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
    neighbour, _ = nearest(test, train)
    means = np.stack([train[data.train.y == digit].mean(axis=0) for digit in range(len(data.classes))])
    centroid, _ = nearest(test, means)
    return {
        "nearest neighbour": figures_without_loss(data.train.y[neighbour], data.test.y),
        "nearest centroid": figures_without_loss(centroid, data.test.y),
    }


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """An image with the rollout of its patches, and the classes confused most often."""
    predicted, y, classes = predicted_classes(predictions.logits), data.test.y, data.raw.classes
    first = int(np.argmax(predicted == y))
    shares = predictions.weights[first, 0]
    side = math.isqrt(len(shares))
    image = draw_image(whole(data.raw.test.x[first : first + 1]).reshape(side * PATCH, -1))
    lines = [f"Image {first + 1}, a {classes[int(y[first])]}, and how much of each patch reaches the mean:"]
    for row, drawn in enumerate(image):
        cells = "".join(f"  {share:.2f}" for share in shares.reshape(side, -1)[row // PATCH]) * (
            row % PATCH == 0
        )
        lines.append(f"{drawn:<{side * PATCH}}  {cells}".rstrip())
    return [*lines, "", *confusions(predicted, y, classes)]


def drawn(run: Run, data: Prepared) -> Sheet:
    """The first images of each class with the rollout over them, and what they are read as."""
    rows = some_of_each(data.test.y, most=2 * len(data.raw.classes))
    predictions = predict(models_of(run)[LEARNED], run.params, data.test.some(rows))
    names, read = data.raw.classes, predicted_classes(predictions.logits)
    titles = tuple(
        names[int(true)] if true == own else f"{names[int(true)]} read as {names[int(own)]}"
        for true, own in zip(data.test.y[rows], read, strict=True)
    )
    side = math.isqrt(data.test.x.shape[1])
    images = whole(data.raw.test.x[rows]).reshape(len(rows), side * PATCH, -1)
    heat = predictions.weights[:, 0].reshape(len(rows), side, side)
    return Sheet(images, titles, "Held-out images, and how much of each patch reaches the mean", heat)


def confusions(predicted: Array, y: Array, classes: Sequence[str]) -> list[str]:
    """The three most frequent mistakes."""
    count = len(classes)
    table = np.zeros((count, count), dtype=int)
    np.add.at(table, (y.astype(int), predicted.astype(int)), 1)
    np.fill_diagonal(table, 0)
    worst = np.argsort(-table, axis=None, kind="stable")[:3]
    places = [(int(place // count), int(place % count)) for place in worst if table.flat[place]]
    text = ", ".join(
        f"{classes[true]} read as {classes[read]} ({table[true, read]})" for true, read in places
    )
    return [f"Most often wrong: {text or 'nothing'}"]


def question(settings: Settings, data: Data | None) -> str:
    """The task in one line; with images of your own, their classes."""
    if settings.npz is not None and data is not None:
        return f"{settings.npz}, patches of 2 x 2; which is it of {some_names(data.classes, MAX_CLASSES)}?"
    return "sixteen patches of a handwritten digit; which of ten is it?"


DIGITS = Classification(
    name="digits",
    question=question,
    load_data=load_data,
    model=patch_classifier,
    report=report,
    defaults={
        "epochs": 120,
        "hidden_dim": 64,
        "heads": 8,
        "layers": 2,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.004,
    },
    baselines=baselines,
    own_settings=("layers", "npz", *ADAPTIVE),
    drawn=drawn,
    tokens_of=patches,
    augment=distort_patches,
    mixing=MIXING,
)
