"""Ranks among all items, hit rate and NDCG by hand, and the model that is judged by them."""

import math

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.functional.layers.softmax import log_softmax
from numpy_attention.tasks.sessions.ranking import NextItem, Ranking, Sessions, ranking, ranks_of

ROWS = np.array([[0, 4, 2], [3, 1, 1], [2, 0, 3]])
SESSIONS = Sessions(ROWS, np.array([[True, True], [False, True], [True, False]]))


def test_an_item_stands_behind_all_others_of_the_same_score():
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    assert ranks_of(scores, np.array([0, 0, 1])).tolist() == [0, 2, 2]


def test_hit_rate_and_ndcg_by_hand():
    one = Ranking(np.array([0, 1, 9, 10]), 0.0)
    assert one.hit_rate == 0.75
    assert one.ndcg == pytest.approx((1 + 1 / math.log2(3) + 1 / math.log2(11)) / 4)


def test_judged_items_are_the_targets():
    assert SESSIONS.targets.tolist() == [4, 2, 1, 0]
    assert SESSIONS.some([2, 0]).targets.tolist() == [0, 4, 2]


def test_known_items_are_left_out_of_the_ranking_but_not_of_the_loss():
    sessions = Sessions(ROWS[:2, :2], np.array([[True], [True]]), (np.array([0, 2]), np.array([], dtype=int)))
    values = np.log(np.array([[0.4, 0.05, 0.3, 0.05, 0.2], [0.4, 0.05, 0.3, 0.05, 0.2]]))
    every = Sessions(sessions.rows, sessions.judged)
    assert ranking(lambda some: values, every).ranks.tolist() == [2, 4]
    found = ranking(lambda some: values, sessions)
    assert found.ranks.tolist() == [0, 4]
    assert found.loss == pytest.approx(-(math.log(0.2) + math.log(0.05)) / 2)
    assert np.isfinite(values).all()
    turned = sessions.some(np.array([1, 0]))
    assert [list(known) for known in turned.known] == [[], [0, 2]]


def test_the_model_is_judged_by_its_ranks():
    model = NextItem(nn.LanguageModel(29, 6, 2, 1, 4))
    params = model.init(np.random.default_rng(0))
    rows = np.random.default_rng(1).integers(29, size=(43, 5))
    judged = np.random.default_rng(2).random((43, 4)) < 0.7
    logits = model.model.forward(params, rows[:, :-1])[0][judged]
    targets = rows[:, 1:][judged]
    figures = model.figures(params, Sessions(rows, judged))
    assert figures.accuracy == (ranks_of(logits, targets) < 10).mean()
    assert 0.1 < figures.accuracy < 0.9
    own = -log_softmax(logits)[np.arange(len(targets)), targets].mean()
    assert figures.loss == pytest.approx(own, rel=1e-6)
    outcome = model.loss_and_gradients(params, Sessions(rows, judged), seed=0)
    assert outcome.right / outcome.targets == figures.accuracy
    assert outcome.loss == pytest.approx(figures.loss, rel=1e-6)
