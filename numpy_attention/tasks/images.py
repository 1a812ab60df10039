"""The handwritten digits that ship with the package; attribution in data/README.md."""

import gzip
from importlib import resources

import numpy as np

from ..functional.base.admission import Array

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
