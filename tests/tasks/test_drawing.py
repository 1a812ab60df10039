"""Digits in text: shades, weights under their own image, the mark, boxes."""

import numpy as np

from numpy_attention.tasks.drawing import SHADES, canvas_lines, draw_digits
from numpy_attention.training.task import Box


def test_every_pixel_stands_in_its_place():
    image = np.zeros((2, 64))
    image[1, 8 * 3 + 5] = 16
    lines = draw_digits(image, np.zeros((0, 2)))
    assert lines == ["", "", "", " " * (8 + 5) + "@", "", "", "", ""]


def test_shades_grow_with_the_grey_value():
    greys = np.arange(17.0)
    drawn = "".join(draw_digits(np.resize(greys, (1, 64)), np.zeros((0, 1)))[:2])
    assert [SHADES.index(shade) for shade in drawn] == sorted(map(SHADES.index, drawn))
    corner = draw_digits(np.array([[16.0] + 63 * [0]]), np.zeros((0, 1)))[0]
    assert corner == SHADES[-1]


def test_weights_stand_under_their_image_head_by_head():
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    *_, first, second, mark = draw_digits(np.zeros((3, 64)), weights, 1)
    assert [first[at : at + 8].strip() for at in (0, 8, 16)] == ["0.10", "0.20", "0.70"]
    assert (first[24:].strip(), second[24:].strip()) == ("head 1", "head 2")
    assert (mark.index("^") // 8, mark.rindex("^") // 8) == (1, 1)


def test_a_single_head_has_no_label():
    lines = draw_digits(np.zeros((3, 64)), np.full((1, 3), 1 / 3))
    assert lines[8:] == ["  0.33    0.33    0.33"]


def test_boxes_are_drawn_over_a_canvas_in_text():
    image = np.zeros((5, 6))
    image[2, 2] = 1.0
    boxes = (Box(1.0, 1.0, 4.0, 4.0, "7"),)
    assert canvas_lines(image, boxes) == ["", "  7----+", "  | @@ |", "  +----+", ""]
