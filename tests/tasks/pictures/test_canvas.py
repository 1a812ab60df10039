"""Canvases: digits in their boxes, apart from each other, among strokes."""

import numpy as np

from numpy_attention.tasks.pictures.canvas import (
    CANVAS,
    FEWEST,
    MOST,
    Canvases,
    add_digits,
    drawn_canvases,
    drawn_strokes,
    enlarged,
    free_place,
    ink_box,
)

IMAGES = np.random.default_rng(1).random((7, 5, 5))
Y = np.arange(7) % 5
DRAWN = drawn_canvases(np.random.default_rng(2), IMAGES, Y, 5, 13)


def test_there_are_two_to_four_different_digits_and_as_many_boxes():
    assert set(DRAWN.present.sum(axis=1)) <= set(range(FEWEST, MOST + 1))
    assert DRAWN.present.any(axis=0).all()
    sides = DRAWN.boxes[..., 2:] - DRAWN.boxes[..., :2]
    assert (sides[DRAWN.present] > 0).all()
    assert (DRAWN.boxes[~DRAWN.present] == 0).all()
    assert DRAWN.boxes.min() >= 0
    assert DRAWN.boxes.max() <= 1


def test_a_box_is_that_of_the_ink():
    canvas, image = np.zeros((CANVAS, CANVAS)), np.zeros((5, 5))
    image[1:4, 2] = 1.0
    boxes = add_digits(
        np.random.default_rng(0), canvas, np.stack([image] * 2), [np.array([0]), np.array([1])]
    )
    assert sorted(boxes) == [0, 1]
    rows, columns = np.nonzero(canvas >= 0.25)
    inside = np.zeros(len(rows), dtype=bool)
    for left, top, right, bottom in boxes.values():
        own = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        assert (rows[own].min(), rows[own].max() + 1) == (top, bottom)
        assert (columns[own].min(), columns[own].max() + 1) == (left, right)
        inside |= own
    assert inside.all()


def test_an_enlarged_image_keeps_its_corners_and_a_straight_slope():
    slope = np.add.outer(np.arange(4.0), 2 * np.arange(4.0))
    large = enlarged(slope, 10)
    np.testing.assert_allclose(
        large, np.add.outer(np.linspace(0, 3, 10), 2 * np.linspace(0, 3, 10)), atol=1e-12
    )


def test_ink_begins_at_a_quarter_of_the_brightest():
    image = np.zeros((5, 6))
    image[1, 4], image[3, 2], image[0, 0] = 1.0, 0.25, 0.2
    assert ink_box(image) == (2, 1, 5, 4)


def test_no_place_touches_another_and_none_is_found_where_none_is():
    rng = np.random.default_rng(0)
    taken = [(10, 8, 10)]
    for _ in range(20):
        row, column = free_place(rng, 9, taken)
        assert row >= 20 or row + 9 <= 10 or column >= 18 or column + 9 <= 8
        assert row % 2 == column % 2 == 0
    assert free_place(rng, 12, [(10, 10, 12)]) is None


def test_strokes_differ_from_canvas_to_canvas_and_stay_inside():
    strokes = drawn_strokes(np.random.default_rng(0), 3)
    assert strokes.shape == (3, CANVAS, CANVAS)
    assert 0 < strokes.max() <= 1
    assert ((strokes > 0).mean(axis=(1, 2)) > 0.02).all()
    assert not np.array_equal(strokes[0], strokes[1])


def test_some_canvases_keep_what_belongs_together():
    some = DRAWN.some([3, 1])
    assert some.size == 2
    np.testing.assert_array_equal(some.boxes[0], DRAWN.boxes[3])
    assert isinstance(some, Canvases)
