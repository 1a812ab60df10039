"""The lines that a run prints: the sizes of its steps, and the held-out block."""

import numpy as np
import pytest

from numpy_attention.tasks import load
from numpy_attention.tasks.classification.comparison import models_of
from numpy_attention.tasks.classification.evaluation import figures, majority_baseline, predict
from numpy_attention.tasks.classification.report import (
    held_out_figures,
    held_out_lines,
    mixed_lines,
    step_lines,
)
from tests.support.runs import begin, settings_of


@pytest.fixture(scope="module")
def data():
    return load("digit-bags", seed=3)


def a_run(data, history, **settings):
    return begin(settings_of(seed=3, **settings), data)._replace(history=tuple(history))


def test_the_steps_name_their_sizes(data):
    settings = settings_of(score="dot", hidden_dim=50, batch_size=30, epochs=7, seed=3)
    lines = step_lines(begin(settings, data), data)
    assert [line[:18].strip() for line in lines] == [
        "task",
        "clean",
        "normalise",
        "extract features",
        "allocate attention",
        "predict",
        "feed back",
        "iterate",
    ]
    assert "0 training and 0 held-out values missing" in lines[1]
    assert "(10, 64) -> (10, 50)" in lines[3]
    assert "dot scores, softmax over 10 tokens: (2, 10) weights" in lines[4]
    parameters = 50 * 64 + 50 + 2 * 50 + 1 + 2 * 50
    assert f"(2, 50) -> one logit; {parameters:,} parameters" in lines[5]
    assert "7 epochs of 34 batches, seed 3" in lines[7]


def test_missing_values_are_counted(data):
    raw = data.raw._replace(test=data.raw.test._replace(x=data.raw.test.x.copy()))
    raw.test.x[2, 3, 5:8] = np.nan
    assert (
        "0 training and 3 held-out values"
        in step_lines(begin(settings_of(), data), data._replace(raw=raw))[1]
    )


def test_the_held_out_block(data):
    run = begin(settings_of(seed=3), data)
    learned, uniform = models_of(run).values()
    rng = np.random.default_rng(61)
    params = {name: model.init(rng) for name, model in models_of(run).items()}
    epochs = {name: run.epochs[name]._replace(params=params[name]) for name in params}
    run = run._replace(epochs=epochs)
    lines = held_out_lines(run, data, held_out_figures(run, data))
    assert lines[0] == "Held out: 1000 examples"
    expected = {
        "location scores": figures(predict(learned, params["learned"], data.test).logits, data.test.y),
        "uniform weights": figures(predict(uniform, params["uniform"], data.test).logits, data.test.y),
        "majority class": majority_baseline(np.array([500, 500]), data.test.y),
    }
    assert expected["majority class"] == (pytest.approx(np.log(2)), 0.5)
    assert len(set(expected.values())) == 3
    for line, (name, (loss, accuracy)) in zip(lines[2:5], expected.items(), strict=True):
        assert line.split() == [*name.split(), f"{loss:.4f}", f"{accuracy:.4f}"]
    assert any(line.startswith("Largest weight on the zero") for line in lines)


def test_options_are_named_where_they_are_set(data):
    settings = settings_of(optimizer="momentum", schedule="cosine", clip=0.5, temperature="learned")
    lines = step_lines(begin(settings, data), data)
    assert "location scores, learned temperature, softmax" in lines[4]
    assert lines[6].endswith("SGD with momentum with lr 0.001, cosine schedule, clipped at 0.5")


def test_transformer_and_augmentation_are_named():
    data = load("digits")
    lines = step_lines(begin(settings_of("digits", epochs=2, batch_size=32), data), data)
    assert "linear + positions: (16, 4) -> (16, 4)" in lines[3]
    assert "dot-product scores, 2 heads in 1 layer: (2, 16, 16) weights" in lines[4]
    assert "mean of all tokens, linear: 4 -> 10 logits" in lines[5]
    assert lines[7].endswith("2 epochs of 29 batches, seed 0; examples changed anew for each")


def test_a_training_loss_of_mixed_examples_is_explained_where_it_is_the_higher_one(data):
    run = begin(settings_of("digits", epochs=2), load("digits"))._replace(history=({"loss": 0.5},))
    text = " ".join(mixed_lines(run, 0.25))
    assert "The training loss, 0.5000, is above the held-out one because" in text
    assert "mixed in pairs and distorted" in text
    assert max(map(len, mixed_lines(run, 0.25))) <= 100
    assert mixed_lines(run, 0.75) == []
    assert mixed_lines(a_run(data, [{"loss": 0.5}]), 0.25) == []
