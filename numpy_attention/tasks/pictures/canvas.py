"""Canvases: two to four different digits, enlarged, on 32 x 32 pixels with strokes as clutter.

Each digit is enlarged by a factor of its own and stands at an even row and column; its box is that of its
ink. Digits do not overlap. Strokes are bent lines, about as thick as a digit's, and run across digits.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array

CANVAS = 32
FEWEST, MOST = 2, 4
"""Digits on a canvas."""
SIDES, GRID = (8, 10, 12), 2
"""Sides of an enlarged digit; its place is a multiple of GRID."""
STROKES, LENGTHS, STROKE_GREY = (6, 12), (6.0, 18.0), (0.5, 1.0)
"""Limits of their number, length and grey value."""
BEND, DOT, WIDTH = 0.3, 0.25, 1.5
"""Of a stroke: the largest bend, in radians a pixel; the step between its dots; how broad they are."""
INK = 0.25
"""The share of full ink from which a pixel belongs to a digit's box."""
TRIES = 50


class Canvases(NamedTuple):
    """N canvases, and where each class stands on them."""

    images: Array
    """(N, 32, 32), grey values 0-1"""
    present: Array
    """(N, K) True where the class is on the canvas"""
    boxes: Array
    """(N, K, 4) left, top, right, bottom, as shares of the side; 0 where the class is not there"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.images)

    def some(self, rows: Any) -> "Canvases":
        """The canvases selected by an index array or a slice."""
        return Canvases(*(array[rows] for array in self))


def enlarged(image: Array, side: int) -> Array:
    """An image (H, W) in `side` x `side` pixels, interpolated linearly.

    Examples
    --------
    >>> enlarged(np.array([[0.0, 2.0], [4.0, 6.0]]), 3)
    array([[0., 1., 2.],
           [2., 3., 4.],
           [4., 5., 6.]])
    """
    down, across = (interpolation(size, side) for size in image.shape)
    return np.asarray(down @ image @ across.T)


@cache
def interpolation(size: int, side: int) -> Array:
    """The matrix (side, size) that interpolates `side` places, evenly spread over `size`."""
    at = np.linspace(0, size - 1, side)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - np.arange(size)), 0))


def ink_box(image: Array) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the ink of an image, in pixels; right and bottom lie behind it."""
    ink = image >= INK * image.max()
    (across,), (down,) = np.nonzero(ink.any(axis=0)), np.nonzero(ink.any(axis=1))
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def drawn_strokes(rng: np.random.Generator, count: int) -> Array:
    """Canvases (count, 32, 32) with strokes; where two cross, the darker one is seen."""
    owner = np.repeat(np.arange(count), rng.integers(*STROKES, endpoint=True, size=count))
    size = len(owner)
    dots = np.arange(0, LENGTHS[1], DOT)
    drawn = dots < rng.uniform(*LENGTHS, size=(size, 1))
    turns = rng.uniform(0, 2 * np.pi, (size, 1)) + rng.uniform(-BEND, BEND, (size, 1)) * dots
    steps = DOT * np.stack([np.sin(turns), np.cos(turns)], axis=-1)
    points = rng.uniform(0, CANVAS, (size, 1, 2)) + np.cumsum(steps, axis=1)
    corner = np.floor(points).astype(int)
    share, grey = points - corner, rng.uniform(*STROKE_GREY, size=(size, 1))
    canvases = np.zeros((count, CANVAS, CANVAS))
    for off in np.ndindex(2, 2):
        near = np.abs(1 - np.array(off) - share).prod(axis=-1)
        places = corner + off
        seen = drawn & ((places >= 0) & (places < CANVAS)).all(axis=-1)
        where = (np.broadcast_to(owner[:, None], seen.shape)[seen], *places[seen].T)
        np.maximum.at(canvases, where, (grey * np.minimum(WIDTH * near, 1))[seen])
    return canvases


def free_place(
    rng: np.random.Generator, side: int, taken: list[tuple[int, int, int]]
) -> tuple[int, int] | None:
    """Row and column of a square beside those taken (row, column, side); None if none is found."""
    for _ in range(TRIES):
        row, column = (GRID * int(x) for x in rng.integers(0, (CANVAS - side) // GRID + 1, 2))
        if all(
            row >= other + size or other >= row + side or column >= beside + size or beside >= column + side
            for other, beside, size in taken
        ):
            return row, column
    return None


def add_digits(
    rng: np.random.Generator, canvas: Array, images: Array, of_class: list[Array], most: int = MOST
) -> dict[int, tuple[int, int, int, int]]:
    """Draw two to `most` digits onto a canvas, in place; the box of every class on it, in pixels."""
    chosen: list[tuple[int, Array, tuple[int, int]]] = []
    while len(chosen) < FEWEST:  # a digit in the middle may leave no room
        taken: list[tuple[int, int, int]] = []
        chosen = []
        for label in rng.permutation(len(of_class))[: rng.integers(FEWEST, min(most, len(of_class)) + 1)]:
            side = int(rng.choice(SIDES))
            place = free_place(rng, side, taken)
            if place is not None:
                chosen.append((int(label), enlarged(images[rng.choice(of_class[label])], side), place))
                taken.append((*place, side))
    boxes = {}
    for label, digit, (row, column) in chosen:
        part = canvas[row : row + len(digit), column : column + len(digit)]
        np.maximum(part, digit, out=part)
        left, top, right, bottom = ink_box(digit)
        boxes[label] = (column + left, row + top, column + right, row + bottom)
    return boxes


def drawn_canvases(
    rng: np.random.Generator, images: Array, y: Array, classes: int, count: int, most: int = MOST
) -> Canvases:
    """Canvases of images (M, H, W), grey values 0-1, with their classes y (M,)."""
    canvases = drawn_strokes(rng, count)
    present, boxes = np.zeros((count, classes), dtype=bool), np.zeros((count, classes, 4))
    of_class = [np.flatnonzero(y == label) for label in range(classes)]
    for number, canvas in enumerate(canvases):
        for label, box in add_digits(rng, canvas, images, of_class, most).items():
            present[number, label], boxes[number, label] = True, np.array(box) / CANVAS
    return Canvases(canvases, present, boxes)
