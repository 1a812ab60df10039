"""Detection: boxes by hand, the figure by its definition, gradients by differences."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.optim.updates import with_leaves
from numpy_attention.tasks.pictures import detection
from numpy_attention.tasks.pictures.canvas import Canvases, drawn_canvases
from numpy_attention.tasks.pictures.detection import (
    BOX_WEIGHT,
    Detecting,
    Found,
    average_precision,
    centred,
    cornered,
    mean_average_precision,
    overlaps,
    right_boxes,
    tokens_that_hold,
)

IMAGES = np.random.default_rng(1).random((6, 5, 5))
DRAWN = drawn_canvases(np.random.default_rng(2), IMAGES, np.arange(6) % 3, 3, 4)
OBJECTIVE = Detecting(nn.Detector(144, (8, 8), 4, 2, 1, 3, hidden=5))


def test_centre_and_sides_and_back():
    boxes = np.array([[0.125, 0.25, 0.375, 0.75]])
    np.testing.assert_array_equal(centred(boxes), [[0.25, 0.5, 0.25, 0.5]])
    np.testing.assert_array_equal(cornered(centred(boxes)), boxes)


def test_overlap_is_intersection_over_union():
    one = np.array([0.0, 0.0, 4.0, 2.0])
    others = np.array(
        [[0.0, 0.0, 4.0, 2.0], [2.0, 1.0, 6.0, 3.0], [4.0, 0.0, 5.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    )
    np.testing.assert_allclose(overlaps(one, others), [1, 2 / 14, 0, 0])


def test_the_token_of_a_digit_is_where_its_centre_is():
    boxes = np.zeros((1, 2, 4))
    boxes[0, 1] = np.array([10, 3, 18, 7]) / 32  # centre 14, 5: column 3, row 1
    held = tokens_that_hold(Canvases(np.zeros((1, 32, 32)), np.array([[False, True]]), boxes))
    assert np.argwhere(held[0]).tolist() == [[1, 8 + 3]]


def test_average_precision_by_hand():
    right = np.array([True, False, True, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert average_precision(scores, right, 4) == pytest.approx((1 + 3 / 4 + 3 / 4) / 4)
    order = [3, 1, 4, 0, 2]
    assert average_precision(scores[order], right[order], 4) == pytest.approx((1 + 3 / 4 + 3 / 4) / 4)
    assert average_precision(scores, ~right, 0) == pytest.approx(0.5 + 0.4)


def test_a_box_is_right_from_half_an_overlap_of_a_class_that_is_there():
    boxes = np.array([[[0.0, 0.0, 0.5, 0.5]] * 3])
    canvases = Canvases(np.zeros((1, 32, 32)), np.array([[True, True, False]]), boxes)
    lower = boxes * [[1, 1, 1, 0.5], [1, 1, 1, 0.49], [1, 1, 1, 1]]
    assert right_boxes(Found(np.zeros((1, 3)), lower), canvases).tolist() == [[True, False, False]]


def test_only_boxes_of_the_right_class_and_place_count():
    perfect = Found(DRAWN.present + 0.0, DRAWN.boxes)
    assert mean_average_precision(perfect, DRAWN) == 1
    elsewhere = Found(DRAWN.present + 0.0, DRAWN.boxes + 0.5)
    assert mean_average_precision(elsewhere, DRAWN) == 0
    shuffled = Found(np.roll(perfect.scores, 1, axis=1), np.roll(perfect.boxes, 1, axis=1))
    assert mean_average_precision(shuffled, DRAWN) < 0.6


def test_the_loss_of_boxes_counts_those_that_are_there(monkeypatch):
    for name in ("CLASS_WEIGHT", "TOKEN_WEIGHT"):
        monkeypatch.setattr(detection, name, 0.0)
    params = OBJECTIVE.model.init(np.random.default_rng(0))
    loss, (_, boxes, _), _ = OBJECTIVE.losses(params, DRAWN)
    apart = np.abs(boxes - centred(DRAWN.boxes))[DRAWN.present].sum(axis=-1)
    assert loss == pytest.approx(BOX_WEIGHT * apart.mean(), rel=1e-6)


def test_the_gradient_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    params = OBJECTIVE.model.init(rng)
    outcome = OBJECTIVE.loss_and_gradients(params, DRAWN, 0)
    assert outcome.targets == DRAWN.present.size
    directions = {name: rng.normal(size=x.shape) for name, x in flatten(params).items()}

    def moved(step):
        leaves = {tuple(n.split(".")): x + step * directions[n] for n, x in flatten(params).items()}
        return OBJECTIVE.losses(with_leaves(params, leaves), DRAWN)[0]

    slope = sum((flatten(outcome.d_params)[name] * directions[name]).sum() for name in directions)
    assert slope == pytest.approx((moved(1e-6) - moved(-1e-6)) / 2e-6, rel=1e-4)


def test_figures_are_the_mean_loss_and_the_precision():
    params = OBJECTIVE.init(np.random.default_rng(0))
    figures = OBJECTIVE.figures(params, DRAWN)
    assert figures.loss == pytest.approx(OBJECTIVE.losses(params, DRAWN)[0], rel=1e-5)
    assert figures.accuracy == mean_average_precision(OBJECTIVE.judged(params, DRAWN)[1], DRAWN)
