"""Figures that a hand can compute."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.tasks.classification import evaluation
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.evaluation import (
    attention_maps,
    batches,
    figures,
    figures_without_loss,
    logits_of,
    loss_backward,
    loss_forward,
    majority_baseline,
    predict,
    predicted_classes,
    probabilities,
)


def test_figures():
    logits = np.log([3.0, 1 / 3, 4.0])  # probabilities 3/4, 1/4, 4/5
    loss, accuracy = figures(logits, np.array([1.0, 0.0, 0.0]))
    assert loss == pytest.approx((2 * math.log(4 / 3) + math.log(5)) / 3, rel=1e-14)
    assert accuracy == pytest.approx(2 / 3)


def test_a_logit_of_0_is_class_0():
    assert figures(np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0])).accuracy == 0.75


def test_the_majority_is_that_of_the_training_part():
    loss, accuracy = majority_baseline(np.array([3, 1]), np.array([1.0, 1.0, 0.0]))
    assert loss == pytest.approx((2 * math.log(4) + math.log(4 / 3)) / 3, rel=1e-14)
    assert accuracy == pytest.approx(1 / 3)


def test_one_class_only_is_certain():
    assert majority_baseline(np.array([0, 3]), np.ones(2)) == (0.0, 1.0)
    assert majority_baseline(np.array([3, 0]), np.ones(2)) == (math.inf, 0.0)


def test_predictions_are_the_models():
    model = AttentionClassifier(3, 5, 2)
    params = model.init(np.random.default_rng(0))
    x = np.random.default_rng(53).normal(size=(11, 7, 3))
    logits, saved = model.forward(params, x)
    predictions = predict(model, params, Examples(x, np.zeros(11)))
    np.testing.assert_array_equal(predictions.logits, logits)
    assert predictions.weights.shape == (11, 2, 7)
    np.testing.assert_array_equal(predictions.weights, saved.weights)


def test_batches_do_not_change_predictions(monkeypatch):
    model = AttentionClassifier(3, 5, 2, outputs=3)
    params = model.init(np.random.default_rng(0))
    rng = np.random.default_rng(127)
    examples = Examples(rng.normal(size=(11, 7, 3)), np.zeros(11), lengths=rng.integers(1, 8, 11))
    whole, maps = predict(model, params, examples), attention_maps(model, params, examples)
    monkeypatch.setattr(evaluation, "BATCH", 4)
    assert [len(part.y) for part in batches(examples)] == [4, 4, 3]
    np.testing.assert_allclose(predict(model, params, examples).logits, whole.logits, rtol=1e-13)
    np.testing.assert_allclose(predict(model, params, examples).weights, whole.weights, rtol=1e-13)
    np.testing.assert_allclose(logits_of(model, params, examples), whole.logits, rtol=1e-13)
    np.testing.assert_allclose(
        attention_maps(model, params, examples)["pooling"], maps["pooling"], rtol=1e-13
    )


def test_figures_of_three_classes():
    logits = np.log([[2.0, 1.0, 1.0], [1.0, 1.0, 6.0], [5.0, 4.0, 1.0]])
    loss, accuracy = figures(logits, np.array([0.0, 2.0, 1.0]))
    assert loss == pytest.approx((math.log(2) + math.log(8 / 6) + math.log(10 / 4)) / 3, rel=1e-14)
    assert accuracy == pytest.approx(2 / 3)
    np.testing.assert_array_equal(predicted_classes(logits), [0, 2, 0])


def test_the_majority_of_three_classes():
    loss, accuracy = majority_baseline(np.array([1, 2, 1]), np.array([1.0, 1.0, 0.0, 2.0]))
    assert loss == pytest.approx((2 * math.log(2) + 2 * math.log(4)) / 4, rel=1e-14)
    assert accuracy == 0.5


def test_classes_without_probabilities_have_no_loss():
    loss, accuracy = figures_without_loss(np.array([0, 1, 2, 2]), np.array([0.0, 1.0, 2.0, 1.0]))
    assert math.isnan(loss)
    assert accuracy == 0.75


def test_one_logit_and_two_logits_agree():
    logits = np.array([0.3, -2.0, 5.0])
    both = np.stack([np.zeros(3), logits], axis=1)
    np.testing.assert_allclose(probabilities(logits), probabilities(both), rtol=1e-14)
    y = np.array([1.0, 0.0, 0.0])
    (one, saved), (two, saved_both) = loss_forward(logits, y), loss_forward(both, y)
    assert one == pytest.approx(two, rel=1e-14)
    d_both = loss_backward(both, saved_both)
    np.testing.assert_allclose(loss_backward(logits, saved), d_both[:, 1], rtol=1e-13)
    np.testing.assert_allclose(probabilities(both), na.softmax(both))
