"""Template matching: it finds a clean digit exactly, does not give it twice, and groups alike images."""

import numpy as np

from numpy_attention.tasks.pictures.canvas import CANVAS, enlarged, ink_box
from numpy_attention.tasks.pictures.detection import Found, without_doubles
from numpy_attention.tasks.pictures.template_matching import (
    Templates,
    best_windows,
    centres,
    matched,
    templates_of,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 8, 8)) * (RNG.random((3, 8, 8)) < 0.5)


def test_a_clean_digit_is_found_with_a_correlation_of_one():
    canvases, digit = np.zeros((2, CANVAS, CANVAS)), enlarged(IMAGES[1], 10)
    canvases[0, 6:16, 20:30] = 0.5 * digit  # as dark as it likes
    found = matched(canvases, Templates(IMAGES, np.arange(3)), 3)
    np.testing.assert_allclose(found.scores[0, 1], 1, atol=1e-5)
    assert (found.scores[0, [0, 2]] < 0.99).all()
    left, top, right, bottom = ink_box(digit)
    np.testing.assert_allclose(
        found.boxes[0, 1] * CANVAS, [20 + left, 6 + top, 20 + right, 6 + bottom], atol=1e-6
    )
    assert (found.scores[1] <= 0).all()  # an empty canvas resembles nothing


def test_an_even_template_resembles_nothing():
    canvases = np.random.default_rng(5).random((1, CANVAS, CANVAS))
    even = Templates(np.stack([np.zeros((7, 7)), np.full((7, 7), 0.7)]), np.arange(2))
    np.testing.assert_allclose(best_windows(canvases, even, 2).scores, 0, atol=1e-3)


def test_a_class_has_its_best_template():
    canvases = np.zeros((1, CANVAS, CANVAS))
    canvases[0, :8, :8] = IMAGES[2]
    both = best_windows(canvases, Templates(IMAGES, np.array([0, 1, 1])), 2)
    alone = best_windows(canvases, Templates(IMAGES[2:], np.array([1])), 2)
    np.testing.assert_allclose(both.scores[0, 1], alone.scores[0, 1])
    assert alone.scores[0, 0] == -np.inf


def test_of_boxes_that_overlap_the_surest_comes_before_all_others():
    boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 5], [6, 6, 9, 9]]]) / 10
    found = without_doubles(Found(np.array([[0.8, 0.9, 0.2]]), boxes))
    np.testing.assert_allclose(found.scores, [[-1.2, 0.9, 0.2]])


def test_groups_of_alike_rows_become_their_means():
    rows = np.array([[0.0, 1.0], [0.0, 3.0], [9.0, 9.0], [9.0, 7.0]])
    assert sorted(map(tuple, centres(np.random.default_rng(3), rows, 2))) == [(0, 2), (9, 8)]
    templates = templates_of(IMAGES, np.array([0, 1, 1]), 2)
    assert templates.y.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(templates.images[0], IMAGES[0])
