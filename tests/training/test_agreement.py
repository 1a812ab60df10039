"""Agreement of heads, for weights that a hand can compute, and of every kind of objective."""

import math

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.tasks.layer_objective import LayerObjective
from numpy_attention.tasks.words.examples import Windows
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.training import agreement, watching
from numpy_attention.training.agreement import (
    agreement_lines,
    head_overlap,
    overlaps_by_place,
    pair_overlaps,
)
from tests.support.runs import a_run, some_data

THREE = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0]]).reshape(1, 3, 1, 3)


def test_overlap_of_heads():
    assert pair_overlaps(THREE) == {(1, 2): 0.5, (1, 3): 1.0, (2, 3): 0.5}
    assert head_overlap(THREE) == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert math.isnan(head_overlap(THREE[:, :1]))


def test_rows_that_do_not_count_are_left_out():
    both = np.concatenate([THREE, np.full((1, 3, 1, 3), 1 / 3)])
    assert pair_overlaps(both)[1, 2] == pytest.approx(0.75)
    assert pair_overlaps(both, np.array([[True], [False]]))[1, 2] == 0.5
    assert math.isnan(pair_overlaps(both, np.zeros((2, 1), bool))[1, 2])


def test_overlaps_of_a_classifier_are_those_of_its_own_weights(monkeypatch):
    rng, model = np.random.default_rng(61), AttentionClassifier(3, 5, 3)
    params, x = model.init(rng), rng.normal(size=(37, 7, 3))  # more than one batch
    _, saved = model.forward(params, x)
    found = overlaps_by_place(Classifying(model), params, Examples(x, np.zeros(37)))
    assert list(found) == ["pooling"]
    assert found["pooling"] == pytest.approx(pair_overlaps(saved.maps["pooling"]))
    monkeypatch.setattr(watching, "EXAMPLES", 32)
    found = overlaps_by_place(Classifying(model), params, Examples(x, np.zeros(37)))
    assert found["pooling"] == pytest.approx(pair_overlaps(saved.maps["pooling"][:32]))


def test_a_batch_without_a_choice_does_not_count(monkeypatch):
    monkeypatch.setattr(watching, "BATCH", 1)
    rng, model = np.random.default_rng(61), AttentionClassifier(3, 5, 2)
    params, x = model.init(rng), rng.normal(size=(3, 7, 3))
    _, saved = model.forward(params, x)
    lengths = np.array([1, 7, 1])
    found = overlaps_by_place(Classifying(model), params, Examples(x, np.zeros(3), lengths=lengths))
    assert found["pooling"] == pytest.approx(pair_overlaps(saved.maps["pooling"][1:2]))
    alone = Examples(x[:1], np.zeros(1), lengths=lengths[:1])
    assert math.isnan(overlaps_by_place(Classifying(model), params, alone)["pooling"][1, 2])


def test_the_first_word_of_a_language_model_has_no_choice_and_does_not_count():
    rng, model = np.random.default_rng(67), nn.LanguageModel(11, 6, 2, 2, 5, attention="reference")
    params, examples = model.init(rng), Windows(rng.integers(11, size=30), np.array([0, 7, 19]), 5)
    _, saved = model.forward(params, examples.rows[:, :-1])
    found = overlaps_by_place(NextToken(model), params, examples)
    for place, layer in zip(("layers.0.self_attn", "layers.1.self_attn"), saved.stack.layers, strict=True):
        weights = layer.self_attn.attention.weights
        assert found[place] == pytest.approx(pair_overlaps(weights[:, :, 1:]))
        assert found[place] != pytest.approx(pair_overlaps(weights), rel=1e-3)


def test_a_model_of_one_head_or_without_attention_has_no_table():
    data = some_data()
    assert agreement_lines(a_run(heads=1), data) == []
    assert overlaps_by_place(LayerObjective(nn.FeedForward(3, 5)), {}, data.test) == {}


def test_the_table_has_the_start_the_end_and_the_pairs_that_agree_least_and_most():
    data, run = some_data(), a_run(3, heads=3, lr=0.1)
    _, title, line = agreement_lines(run, data)
    objective = run.objectives()["learned"]
    then, now = (
        overlaps_by_place(objective, params, data.test)["pooling"]
        for params in (run.starts["learned"], run.params)
    )
    assert title.split() == ["Agreement", "of", "heads", "start", "now", "least", "most"]
    numbers = [line.split()[place] for place in (1, 2, 3, 6)]
    assert line.index(numbers[0]) == title.index("start")
    wanted = [np.mean([*then.values()]), np.mean([*now.values()]), min(now.values()), max(now.values())]
    assert numbers == [f"{x:.3f}" for x in wanted]


def test_the_columns_stand_below_each_other_whatever_the_name_of_the_place(monkeypatch):
    pairs = {(1, 2): 0.25, (1, 3): 0.75, (2, 3): 0.5}
    name = "decoder.layers.0.multihead_attn"
    monkeypatch.setattr(agreement, "overlaps_by_place", lambda *_: {name: pairs})
    _, title, line = agreement_lines(a_run(0), some_data())
    assert line == f"  {name}  0.500   0.500  0.250 1, 2   0.750 1, 3"
    assert [title.index(word) for word in ("start", "least", "most")] == [
        line.index(text) for text in ("0.500", "0.250", "0.750")
    ]
