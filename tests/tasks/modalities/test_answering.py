"""Answering: gradients of its loss, figures, what is read in a cell, and models that see one side alone."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten, mapped, unflatten
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.modalities import answering
from numpy_attention.tasks.modalities.answering import (
    READING,
    Answering,
    ImageAlone,
    WordsAlone,
    cell_of_patches,
)
from numpy_attention.tasks.modalities.questions import ANSWERS, answer_ids, longest, vocabulary
from numpy_attention.tasks.modalities.visual_questions import CANVAS, drawn_visual_questions
from numpy_attention.training.watching import watched

IMAGES = Examples(np.random.default_rng(1).uniform(0, 1, (20, 8, 8)), np.arange(20) % 10)
ASKED = drawn_visual_questions(np.random.default_rng(0), IMAGES, 7)
WORDS = len(vocabulary()) + 1
OBJECTIVE = Answering(nn.VisualAnswerer(81, 16, WORDS, longest(), 6, 2, 1, 1, hidden=5))
BESIDE = {
    "words": WordsAlone(nn.PooledWords(WORDS, 5, 1, len(ANSWERS))),
    "patches": ImageAlone(nn.VisionTransformer(CANVAS, 5, 6, 2, 1, 13, channels=1, pooling="mean")),
}


def test_patches_lie_in_cells_of_two_by_two():
    assert cell_of_patches().reshape(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2


def test_gradients_are_slopes_of_the_loss():
    rng = np.random.default_rng(2)
    params = mapped(lambda x: x.astype(np.float64), OBJECTIVE.init(rng))
    outcome = OBJECTIVE.loss_and_gradients(params, ASKED, 0)
    directions = {name: rng.normal(size=x.shape) for name, x in flatten(params).items()}

    def moved(step):
        leaves = {name: x + step * directions[name] for name, x in flatten(params).items()}
        return OBJECTIVE.loss_and_gradients(unflatten(leaves), ASKED, 0).loss

    slope = sum((flatten(outcome.d_params)[name] * directions[name]).sum() for name in directions)
    assert slope == pytest.approx((moved(1e-5) - moved(-1e-5)) / 2e-5, rel=1e-4)


def test_the_loss_is_that_of_answers_and_of_readings(monkeypatch):
    params = OBJECTIVE.init(np.random.default_rng(0))
    with_readings = OBJECTIVE.loss_and_gradients(params, ASKED, 0)
    monkeypatch.setattr(answering, "READING", 0.0)
    alone = OBJECTIVE.loss_and_gradients(params, ASKED, 0)
    figures = OBJECTIVE.figures(params, ASKED)
    assert figures.loss == pytest.approx(alone.loss, rel=1e-5)
    assert figures.accuracy == alone.right / alone.targets
    logits = OBJECTIVE.answered(params, ASKED).readings.astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    wanted = answer_ids()[ASKED.digits[:, cell_of_patches()]]
    own = np.take_along_axis(shares, wanted[..., None], axis=-1)
    assert with_readings.loss - alone.loss == pytest.approx(READING * -np.log(own).mean(), rel=1e-4)


def test_what_stands_behind_a_question_has_no_influence():
    params = OBJECTIVE.init(np.random.default_rng(0))
    ids = np.where(np.arange(longest()) < ASKED.lengths[:, None], ASKED.ids, 3)
    assert len(set(ASKED.lengths)) > 1
    for one, other in zip(
        OBJECTIVE.answered(params, ASKED), OBJECTIVE.answered(params, ASKED._replace(ids=ids)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_weights_of_words_on_patches():
    params = OBJECTIVE.init(np.random.default_rng(0))
    weights = OBJECTIVE.word_weights(params, ASKED)
    assert weights.shape == (7, ASKED.lengths.max(), 16)
    assert ((weights > 0) & (weights < 1)).all()
    assert (weights.sum(axis=-1) < 1).all()
    assert OBJECTIVE.readings(params, ASKED).shape == (7, 4, 10)


def test_weights_of_words_are_the_mean_of_layers_and_heads():
    objective = replace(OBJECTIVE, model=replace(OBJECTIVE.model, joint_layers=2))
    params = objective.init(np.random.default_rng(0))
    watch = nn.Watch(params)
    watched(objective, watch).figures(params, ASKED)
    maps = [seen.weights for name, seen in watch.seen.items() if name.startswith("joint")]
    assert len(maps) == 2
    expected = np.mean(maps, axis=(0, 2))[:, 16:, :16]
    np.testing.assert_allclose(objective.word_weights(params, ASKED), expected, rtol=1e-5)


def test_initial_tables_and_names_are_larger_than_the_layers():
    drawn, own = (flatten(each.init(np.random.default_rng(0))) for each in (OBJECTIVE.model, OBJECTIVE))
    factors = {
        name: round(float(np.abs(own[name]).sum() / np.abs(x).sum()), 3)
        for name, x in drawn.items()
        if x.any()
    }
    assert {name: factor for name, factor in factors.items() if factor != 1} == {
        "positions.weight": 15,
        "memory_positions.weight": 50,
        "embedding.weight": 15,
        "word_positions.weight": 15,
        "naming.out_proj.weight": 5,
    }


@pytest.mark.parametrize("name", BESIDE)
def test_a_model_that_sees_one_side_does_not_see_the_other(name):
    objective = BESIDE[name]
    params = objective.init(np.random.default_rng(0))
    outcome = objective.loss_and_gradients(params, ASKED, 0)
    assert {path: x.shape for path, x in flatten(outcome.d_params).items()} == flatten(objective.shapes())
    assert objective.figures(params, ASKED).loss == pytest.approx(outcome.loss, rel=1e-5)
    hidden = ASKED._replace(images=0 * ASKED.images) if name == "words" else ASKED._replace(ids=0 * ASKED.ids)
    assert objective.loss_and_gradients(params, hidden, 0).loss == outcome.loss
    assert replace(objective).name == name
