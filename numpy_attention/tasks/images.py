"""Images: the handwritten digits that ship with the package, attribution in data/README.md; and files."""

import gzip
from importlib import resources

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..training.settings import Settings
from .classification.data import Examples
from .hold_out import split
from .sequences import read_sequences

TRAINING_DIGITS = 898
"""The first 898 images train, the rest is held out."""
SIDE = 8
"""An image is 8 x 8."""


def read_digits() -> tuple[Array, Array]:
    """Images (1797, 64), grey values 0-16, row by row, and labels (1797,)."""
    file = resources.files(__package__) / "data" / "digits.csv.gz"
    with file.open("rb") as compressed, gzip.open(compressed, "rt") as text:
        table = np.loadtxt(text, delimiter=",")
    return table[:, :-1], table[:, -1]


def read_images(path: PathLike, even: int = 1, most: int = 64) -> tuple[Array, Array, tuple[str, ...]]:
    """Images (N, side, side) of an npz file with x (N, H, W) and y (N,), their labels (N,), the classes.

    Parameters
    ----------
    path : the file
    even : what divides a side
    most : the longest side

    Raises
    ------
    ValueError
        If the images are of another size, a grey value is missing or below 0, there is one class, or as
        `read_sequences`.
    OSError
        If it cannot be read.
    """
    examples, classes = read_sequences(path, strict=True)
    _, height, width = examples.x.shape
    if height != width or height % even or height > most or height < 2:
        sides = f"from 2 to {most}" if even == 1 else f"a multiple of {even}, at most {most}"
        raise ValueError(
            f"{path}: x has images of {height} x {width}; square ones, their side {sides}, are expected"
        )
    if examples.lengths is not None:
        raise ValueError(f"{path} has an array 'lengths'; x and y are expected: images have none")
    refuse_negative(path, examples.x)
    if len(classes) < 2:
        raise ValueError(f"{path}: every y is {classes[0]}; two classes or more are expected")
    return examples.x, examples.y, classes


def refuse_negative(path: PathLike, images: Array) -> None:
    """Raise ValueError if a grey value is below 0."""
    if (images < 0).any():
        raise ValueError(
            f"{path}: x holds {np.nanmin(images):g}; grey values from 0, the background, are expected"
        )


def image_parts(settings: Settings, most: int) -> tuple[Examples, Examples, tuple[str, ...]]:
    """Images (N, side, side) to train on and held out, and the classes: shipped, or of settings.npz.

    Grey values are 0-1, 1 the largest to train on and whatever is held out above it. Of a file, whose sides
    are at most `most`, a fifth of each class is held out.
    """
    if settings.npz is not None:
        images, y, classes = read_images(settings.npz, most=most)
        train, test, *_ = split(Examples(images, y), classes, settings.seed)
    else:
        images, y = read_digits()
        both, classes = Examples(images.reshape(-1, SIDE, SIDE), y), tuple("0123456789")
        train, test = both.some(slice(TRAINING_DIGITS)), both.some(slice(TRAINING_DIGITS, None))
    brightest = train.x.max() or 1.0
    train, test = (part._replace(x=np.minimum(part.x / brightest, 1)) for part in (train, test))
    return train, test, classes


def windows(images: Array, window: int, step: int) -> Array:
    """Overlapping windows (N, T, window²) of images (N, H, W), one every `step` pixels, row by row.

    Each is centred on its step x step pixels; beyond the edges are zeros.

    Examples
    --------
    >>> windows(np.arange(1024.0).reshape(1, 32, 32), 12, 4)[0, 9, :5]
    array([0., 1., 2., 3., 4.])
    """
    edge = (window - step) // 2
    framed = np.pad(images, ((0, 0), (edge, edge), (edge, edge)))
    cut = np.lib.stride_tricks.sliding_window_view(framed, (window, window), axis=(1, 2))[:, ::step, ::step]
    return cut.reshape(len(images), -1, window * window)


def nearest(images: Array, others: Array) -> tuple[Array, Array]:
    """The place (N,) of the nearest of the others (M, …) for each image (N, …), and its distance (N,).

    Exact for whole grey values.
    """
    one, other = (x.reshape(len(x), -1).astype(np.float64) for x in (images, others))
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    places = squares.argmin(axis=1)
    return places, np.sqrt(np.maximum(squares[np.arange(len(one)), places], 0))
