"""Canvases: every digit stands in its cell, whole, and can be cut out again."""

import numpy as np

from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.modalities.questions import FORMS, parsed, words_of
from numpy_attention.tasks.modalities.visual_questions import (
    CANVAS,
    CELL,
    drawn_canvases,
    drawn_visual_questions,
)

IMAGES = Examples(np.random.default_rng(1).uniform(0.1, 1, (30, 8, 8)), np.arange(30) % 10)


def test_digits_stand_in_their_cells():
    questions = drawn_visual_questions(np.random.default_rng(0), IMAGES, 50)
    assert questions.images.shape == (50, CANVAS, CANVAS)
    assert (questions.images > 0).sum() == 50 * 4 * 64
    corners = np.array([[0, 0], [0, CELL], [CELL, 0], [CELL, CELL]])
    moved = questions.places - corners
    assert len({*map(tuple, moved.reshape(-1, 2))}) == 3 * 3
    assert (moved.min(), moved.max()) == (0, 2)
    flat = IMAGES.x.reshape(30, -1)
    for digits, cut_out in zip(questions.digits, questions.cut_out, strict=True):
        rows = [np.flatnonzero((flat == one.ravel()).all(axis=1)) for one in cut_out]
        assert [int(IMAGES.y[row[0]]) for row in rows] == digits.tolist()


def test_all_images_of_a_digit_are_used():
    canvases, _ = drawn_canvases(np.random.default_rng(0), IMAGES, np.tile([0, 1, 2, 3], (40, 1)))
    used = {image.sum().round(9) for image in IMAGES.x[IMAGES.y < 4]}
    cells = canvases.reshape(40, 2, CELL, 2, CELL).sum(axis=(2, 4)).ravel()
    assert set(cells.round(9)) == used


def test_some_of_them():
    questions = drawn_visual_questions(np.random.default_rng(0), IMAGES, 20)
    some = questions.some(np.array([3, 5]))
    assert some.size == 2
    assert some.forms.tolist() == questions.forms[[3, 5]].tolist()
    assert parsed()[words_of(some.texts[1])].answers(some.digits[1:])[0] == some.labels[1]
    assert FORMS[some.forms[0]] == parsed()[words_of(some.texts[0])].form
