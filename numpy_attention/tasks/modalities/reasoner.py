"""A baseline without learning: recognised digits, and every question parsed and answered exactly.

The recogniser is given each digit cut out at its true place and reads it by the nearest training image, the
four together: of all arrangements of different digits the one with the least sum of squared distances.
"""

import numpy as np

from ...functional.base.admission import Array
from ..classification.data import Examples
from ..images import nearest
from .questions import ARRANGEMENTS, parsed, words_of
from .visual_questions import VisualQuestions

BATCH = 100
"""Canvases at once."""


def likeliest(costs: Array) -> Array:
    """The different digits (N, 4) whose costs (N, 4, 10) have the least sum.

    Examples
    --------
    >>> costs = np.ones((1, 4, 10))
    >>> costs[0, [0, 1, 2, 3], [7, 7, 3, 1]] = [0.0, 0.5, 0.5, 0.5]
    >>> costs[0, 1, 4] = 0.9
    >>> likeliest(costs)
    array([[7, 4, 3, 1]])
    """
    parts = np.split(costs, range(BATCH, len(costs), BATCH))
    sums = (sum(part[:, place, ARRANGEMENTS[:, place]] for place in range(4)) for part in parts)
    return np.concatenate([ARRANGEMENTS[np.argmin(one, axis=1)] for one in sums])


def recognised(questions: VisualQuestions, images: Examples) -> Array:
    """The digits (N, 4) that stand on canvases, by their nearest images x (M, 8, 8) of digits y."""
    cut_out = questions.cut_out.reshape(-1, *images.x.shape[1:])
    squares = [nearest(cut_out, images.x[images.y == digit])[1] ** 2 for digit in range(10)]
    return likeliest(np.stack(squares, axis=-1).reshape(-1, 4, 10))


def reasoned(questions: VisualQuestions, digits: Array) -> Array:
    """The answers (N,) to the questions if these digits (N, 4) stood there, as places in ANSWERS."""
    both = zip(questions.texts, digits, strict=True)
    return np.array([parsed()[words_of(text)].answers(own[None])[0] for text, own in both])
