"""Labelled texts as an objective: loss and figures agree, padding changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention.nn import PooledWords
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.words.examples import Labelled
from numpy_attention.tasks.words.labelling import COUNTED, Labelling, label_figures

OBJECTIVE = Labelling(PooledWords(vocabulary=9, width=5, heads=2, classes=3))
TEXTS = Labelled(np.array([[3, 4, 5], [4, 8, 0], [6, 0, 0]]), np.array([3, 2, 1]), np.array([2, 0, 1]))


def test_the_loss_of_a_batch_is_that_of_its_figures():
    params = OBJECTIVE.init(np.random.default_rng(3))
    assert not params["score"]["weight"].any()
    loss, d_params, targets, right = OBJECTIVE.loss_and_gradients(params, TEXTS, 0)
    assert OBJECTIVE.figures(params, TEXTS) == (pytest.approx(loss, rel=1e-6), right / targets)
    assert {name: x.shape for name, x in flatten(d_params).items()} == flatten(OBJECTIVE.shapes())


def test_padding_changes_nothing():
    params = OBJECTIVE.init(np.random.default_rng(3))
    wider = TEXTS._replace(ids=np.pad(TEXTS.ids, ((0, 0), (0, 4))))
    one, other = (OBJECTIVE.loss_and_gradients(params, texts, 0) for texts in (TEXTS, wider))
    assert one[::2] == other[::2]


def test_probabilities_are_joined_with_those_of_naive_bayes():
    params = OBJECTIVE.init(np.random.default_rng(3))
    counted = np.log([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.3, 0.3, 0.4]])
    alone = OBJECTIVE.log_probabilities(params, TEXTS)
    joined = np.exp(alone) * np.exp(counted) ** COUNTED
    found = OBJECTIVE.log_probabilities(params, TEXTS._replace(counted=counted))
    np.testing.assert_allclose(np.exp(found), joined / joined.sum(axis=1, keepdims=True), rtol=1e-6)
    assert OBJECTIVE.loss_and_gradients(params, TEXTS._replace(counted=counted), 0)[0] == pytest.approx(
        OBJECTIVE.figures(params, TEXTS).loss, rel=1e-6
    )


def test_figures_of_log_probabilities():
    shares = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    loss = -(np.log(0.25) + np.log(0.7)) / 2
    assert label_figures(np.log(shares), np.array([1, 2])) == (pytest.approx(loss), 0.5)


def test_figures_are_without_dropout():
    params = OBJECTIVE.init(np.random.default_rng(3))
    thinned = replace(OBJECTIVE, model=replace(OBJECTIVE.model, dropout=0.5))
    assert thinned.figures(params, TEXTS) == OBJECTIVE.figures(params, TEXTS)
