"""digits: which of ten is this handwritten digit? Each image as 16 patches of 2 x 2 pixels.

The patches look at each other once, in a layer of self-attention with learned positions, and are then pooled.
The first 898 images train, the other 899 are held out. For each epoch the training images are distorted a
little and mixed in pairs, both anew: so the training loss stays well above 0, and says less than usual.

What stands in the task's defaults was chosen inside the 898 alone, by holding out one third of them after the
other.
"""

import numpy as np

from ..training.cleaning import Prepared
from ..training.data import Array, Data, Examples, Task
from ..training.evaluation import Figures, Predictions, chosen, guesses
from ..training.settings import Settings
from .distortion import distorted
from .drawing import draw_digits
from .images import SIDE, TRAINING_DIGITS, read_digits

PATCH = 2
MIXING = 0.4
"""How examples are mixed: α of `mixing`."""


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
    """(N, 16, 4) -> (N, 64): what `patches` undoes."""
    tiles = SIDE // PATCH
    return x.reshape(-1, tiles, tiles, PATCH, PATCH).swapaxes(2, 3).reshape(-1, SIDE * SIDE)


def draw(settings: Settings) -> Data:
    """The first 898 images and the other 899."""
    images, labels = read_digits()
    x = patches(images)
    train, test = (
        Examples(x[rows], labels[rows]) for rows in (slice(TRAINING_DIGITS), slice(TRAINING_DIGITS, None))
    )
    return Data(train, test, tuple("0123456789"))


def changed(rng: np.random.Generator, x: Array) -> Array:
    """The training images, each a little distorted."""
    return patches(distorted(rng, whole(x)))


def baselines(data: Data) -> dict[str, Figures]:
    """What the pixels say without training: the nearest training image, and the nearest mean of a class."""
    train, test = whole(data.train.x), whole(data.test.x)
    nearest = data.train.y[_distances(test, train).argmin(axis=1)]
    means = np.stack([train[data.train.y == digit].mean(axis=0) for digit in range(len(data.classes))])
    centroid = _distances(test, means).argmin(axis=1)
    return {
        "nearest neighbour": guesses(nearest, data.test.y),
        "nearest centroid": guesses(centroid, data.test.y),
    }


def report(
    settings: Settings, data: Prepared, predictions: Predictions, rows: dict[str, Figures]
) -> list[str]:
    """An image, where its patches are weighted most, and which digits are confused."""
    said, y = chosen(predictions.logits), data.test.y
    first = int(np.argmax(said == y))
    weights = predictions.weights[first].mean(axis=0).reshape(SIDE // PATCH, -1)
    image = draw_digits(whole(data.raw.test.x[first]), np.zeros((0, 1)))
    lines = [f"Image {first + 1}, a {y[first]:.0f}, and the weight of its patches (mean of all heads):"]
    for row, drawn in enumerate(image):
        told = "".join(f"  {weight:.2f}" for weight in weights[row // PATCH]) if row % PATCH == 0 else ""
        lines.append(f"{drawn:<{SIDE}}  {told}".rstrip())
    return [*lines, "", *confusions(said, y)]


def confusions(said: Array, y: Array) -> list[str]:
    """The three mistakes made most often."""
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (y.astype(int), said.astype(int)), 1)
    np.fill_diagonal(table, 0)
    worst = np.argsort(-table, axis=None, kind="stable")[:3]
    places = [(int(place // 10), int(place % 10)) for place in worst if table.flat[place]]
    told = ", ".join(f"{true} read as {read} ({table[true, read]})" for true, read in places)
    return [f"Most often wrong: {told or 'nothing'}"]


def _distances(images: Array, others: Array) -> Array:
    """Squared distances (N, M), exact for whole grey values."""
    squares = (images**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    return np.asarray(squares - 2 * images @ others.T)


DIGITS = Task(
    "digits",
    "sixteen patches of a handwritten digit; which of ten is it?",
    draw,
    report,
    {"epochs": 60, "hidden_dim": 64, "heads": 8, "optimizer": "adamw", "schedule": "cosine", "lr": 0.003},
    layer=True,
    baselines=baselines,
    augment=changed,
    mixing=MIXING,
)
