"""Canvases of four different digits, each with a question in words and its answer.

A canvas has 20 x 20 pixels: four cells of 10 x 10, and in each a digit of 8 x 8 anywhere.
"""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..classification.data import Examples
from ..images import SIDE
from .questions import FORMS, drawn_questions, encoded, parsed, words_of

CELL = SIDE + 2
CANVAS = 2 * CELL


class VisualQuestions(NamedTuple):
    """N canvases, and a question about each."""

    images: Array
    """(N, 20, 20), grey values 0-1"""
    places: Array
    """(N, 4, 2) row and column of each digit's upper left pixel"""
    digits: Array
    """(N, 4) top left, top right, bottom left, bottom right"""
    texts: Array
    """(N,) the questions"""
    ids: Array
    """(N, T) those of their words, PAD behind them"""
    lengths: Array
    """(N,) number of their words"""
    labels: Array
    """(N,) the answers, places in ANSWERS"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.images)

    @property
    def counted(self) -> None:
        """None: no counts are joined with what a model says"""

    @property
    def forms(self) -> Array:
        """(N,) the form of each question, a place in FORMS"""
        return np.array([FORMS.index(parsed()[words_of(text)].form) for text in self.texts])

    @property
    def cut_out(self) -> Array:
        """(N, 4, 8, 8) the digits alone"""
        found: Array = self.images[pixels_of(self.places)]
        return found

    def some(self, rows: Any) -> "VisualQuestions":
        """The questions selected by an index array or a slice."""
        return VisualQuestions(*(array[rows] for array in self))


def pixels_of(places: Array) -> tuple[Array, Array, Array]:
    """The index (N, 4, 8, 8) of the pixels of digits at places (N, 4, 2)."""
    down, across = np.ogrid[:SIDE, :SIDE]
    rows, columns = (places[:, :, axis, None, None] for axis in (0, 1))
    return np.arange(len(places))[:, None, None, None], rows + down, columns + across


def drawn_canvases(rng: np.random.Generator, images: Examples, digits: Array) -> tuple[Array, Array]:
    """Canvases (N, 20, 20) of digits (N, 4), from images x (M, 8, 8) of digits y; and the digits' places."""
    chosen = np.empty(digits.shape, dtype=np.int64)
    for digit in range(10):
        here = digits == digit
        chosen[here] = rng.choice(np.flatnonzero(images.y == digit), size=here.sum())
    corners = CELL * np.array(list(np.ndindex(2, 2)))
    places = corners + rng.integers(CELL - SIDE + 1, size=(*digits.shape, 2))
    canvases = np.zeros((len(digits), CANVAS, CANVAS))
    canvases[pixels_of(places)] = images.x[chosen]
    return canvases, places


def drawn_visual_questions(rng: np.random.Generator, images: Examples, count: int) -> VisualQuestions:
    """Canvases of images x (M, 8, 8) of digits y, with questions."""
    texts, digits, labels = drawn_questions(rng, count)
    canvases, places = drawn_canvases(rng, images, digits)
    ids, lengths = encoded([*map(words_of, texts)])
    return VisualQuestions(canvases, places, digits, np.array(texts), ids, lengths, labels)
