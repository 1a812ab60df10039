"""Figures that a hand can compute."""

import math

import numpy as np
import pytest

from numpy_attention.tasks.evaluation import figures, majority, predict
from numpy_attention.tasks.model import AttentionClassifier


def test_figures():
    logits = np.log([3.0, 1 / 3, 4.0])  # probabilities 3/4, 1/4, 4/5
    loss, accuracy = figures(logits, np.array([1.0, 0.0, 0.0]))
    assert loss == pytest.approx((2 * math.log(4 / 3) + math.log(5)) / 3, rel=1e-14)
    assert accuracy == pytest.approx(2 / 3)


def test_a_logit_of_0_says_no():
    assert figures(np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0])).accuracy == 0.75


def test_the_majority_is_that_of_the_training_part():
    loss, accuracy = majority(np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0]))
    assert loss == pytest.approx((2 * math.log(4) + math.log(4 / 3)) / 3, rel=1e-14)
    assert accuracy == pytest.approx(1 / 3)


def test_an_even_training_part_says_one_half():
    loss, accuracy = majority(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert loss == pytest.approx(math.log(2))
    assert accuracy == 0.5


def test_one_class_only_is_certain():
    assert majority(np.ones(3), np.ones(2)) == (0.0, 1.0)
    assert majority(np.zeros(3), np.ones(2)) == (math.inf, 0.0)


def test_predictions_are_the_models():
    model = AttentionClassifier(3, 5, 2)
    params = model.init(np.random.default_rng(0))
    x = np.random.default_rng(53).normal(size=(11, 7, 3))
    logits, saved = model.forward(params, x)
    predictions = predict(model, params, x)
    np.testing.assert_array_equal(predictions.logits, logits)
    assert predictions.weights.shape == (11, 2, 7)
    np.testing.assert_array_equal(predictions.weights, saved.weights)
