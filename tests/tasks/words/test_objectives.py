"""What the loop trains on words: losses and gradients of the next symbol."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.words.examples import Windows
from numpy_attention.tasks.words.objectives import NextToken

OBJECTIVE = NextToken(nn.LanguageModel(5, 8, 2, 1, 6))
WINDOWS = Windows(np.random.default_rng(0).integers(5, size=60), np.arange(0, 50, 6), 6)


def test_parameters_are_float32_and_repeat():
    one, again = (flatten(OBJECTIVE.init(np.random.default_rng(3))) for _ in range(2))
    assert {x.dtype for x in one.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert {name: x.shape for name, x in one.items()} == flatten(OBJECTIVE.shapes())


def test_the_loss_of_a_batch_is_that_of_its_figures():
    params = OBJECTIVE.init(np.random.default_rng(3))
    loss, d_params, targets, right = OBJECTIVE.loss_and_gradients(params, WINDOWS, 0)
    figures = OBJECTIVE.figures(params, WINDOWS)
    assert targets == 9 * 6
    assert figures == (pytest.approx(loss, rel=1e-6), right / targets)
    assert {name: x.shape for name, x in flatten(d_params).items()} == flatten(OBJECTIVE.shapes())


def test_dropout_follows_the_seed():
    objective = NextToken(nn.LanguageModel(5, 8, 2, 1, 6, dropout=0.5))
    params = objective.init(np.random.default_rng(3))
    losses = [objective.loss_and_gradients(params, WINDOWS, seed).loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
