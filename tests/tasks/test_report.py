"""The lines that a run prints: the sizes of its steps, and the held-out block."""

import numpy as np
import pytest

from numpy_attention.tasks import load, runs
from numpy_attention.tasks.evaluation import figures, majority, predict
from numpy_attention.tasks.report import held_out, steps
from numpy_attention.tasks.settings import Settings


@pytest.fixture(scope="module")
def data():
    return load("digit-bags", seed=3)


def test_the_steps_name_their_sizes(data):
    settings = Settings(heads=2, score="dot", batch_size=30, epochs=7, seed=3)
    model, _ = runs.models(settings, 64)
    lines = steps(settings, data, model)
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
    model, _ = runs.models(Settings(), 64)
    assert "0 training and 3 held-out values" in steps(Settings(), data._replace(raw=raw), model)[1]


def test_the_held_out_block(data):
    settings = Settings(heads=2, seed=3)
    learned, uniform = runs.models(settings, 64)
    rng = np.random.default_rng(61)
    run = runs.Run(settings, data.normalisation, learned.init(rng), uniform.init(rng))
    lines = held_out(run, data)
    assert lines[0] == "Held out: 1000 examples"
    expected = {
        "location scores": figures(predict(learned, run.learned, data.test.x).logits, data.test.y),
        "uniform weights": figures(predict(uniform, run.uniform, data.test.x).logits, data.test.y),
        "majority class": majority(data.train.y, data.test.y),
    }
    assert expected["majority class"] == (pytest.approx(np.log(2)), 0.5)
    assert len(set(expected.values())) == 3
    for line, (name, (loss, accuracy)) in zip(lines[2:5], expected.items(), strict=True):
        assert line.split() == [*name.split(), f"{loss:.4f}", f"{accuracy:.4f}"]
    assert any(line.startswith("Largest weight on the zero") for line in lines)
