"""The lines that a run prints: the sizes of its steps, and the held-out block."""

import numpy as np
import pytest

from numpy_attention.tasks import load
from numpy_attention.tasks.classification.evaluation import figures, majority_baseline, predict
from numpy_attention.training.report import (
    end_lines,
    format_loss,
    held_out_lines,
    mixed_lines,
    step_lines,
    verbose_lines,
)
from tests.support.runs import begin, settings_of


@pytest.fixture(scope="module")
def data():
    return load("digit-bags", seed=3)


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
    learned, uniform = run.models().values()
    rng = np.random.default_rng(61)
    params = {name: model.init(rng) for name, model in run.models().items()}
    epochs = {name: run.epochs[name]._replace(params=params[name]) for name in params}
    run = run._replace(epochs=epochs)
    lines = held_out_lines(run, data)
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


def test_losses_have_few_digits():
    assert [format_loss(x) for x in (0.12345, 123456.789, 1.5e7, np.nan)] == [
        "0.1235",
        "123456.7890",
        "1.5000e+07",
        "-",
    ]


def a_run(data, history, **settings):
    return begin(settings_of(seed=3, **settings), data)._replace(history=tuple(history))


def test_records_have_a_line_per_kind(data):
    row = {"epoch": 1.0, "loss": 0.5, "focus.pooling": 0.25, "alike.pooling": np.nan, "moved.a.weight": 0.1}
    assert [line.split() for line in verbose_lines(a_run(data, [row]))] == [
        ["focus", "pooling", "0.250"],
        ["alike", "pooling", "-"],
        ["moved", "a.weight", "0.100"],
    ]


def test_long_lines_are_wrapped_between_a_number_and_the_next_name(data):
    names = [f"moved.a.rather.long.name.{number}.weight" for number in range(9)]
    row = {"epoch": 1.0, "loss": 0.5, **dict.fromkeys(names, 0.125)}
    lines = verbose_lines(a_run(data, [row]))
    assert len(lines) > 2
    assert max(map(len, lines)) <= 100
    assert sum(line.count(".weight 0.125") for line in lines) == 9
    assert lines[0].startswith("  moved        a.rather.long.name.0.weight 0.125, ")


def test_end_lines_say_whether_until_was_reached(data):
    rows = [{"loss": 0.5, "accuracy": 0.8}, {"loss": 0.25, "accuracy": 0.9}]
    reached, missed = (a_run(data, rows, until=f"accuracy={x}") for x in (0.9, 0.95))
    assert end_lines(reached) == ["accuracy=0.9 of the training part was reached after 2 epochs: 0.9000"]
    assert end_lines(missed) == ["accuracy=0.95 of the training part was not reached in 2 epochs: 0.9000"]
    assert (reached.reached, missed.reached) == (True, False)
    assert a_run(data, rows[:1], until="loss=0.5").reached
    assert not a_run(data, rows[:1], until="loss=0.4").reached


def test_end_lines_compare_with_a_start_from_scratch(data):
    rows = [{"loss": x, "scratch_loss": y} for x, y in [(0.5, 0.7), (0.3, 0.5), (0.2, 0.3)]]
    assert end_lines(a_run(data, rows, start_from="runs/zero")) == [
        "From runs/zero: the loss 0.3000, where a start from scratch ends, was reached after 2 epochs"
    ]
    rows = [{"loss": 0.5, "scratch_loss": 0.3}]
    assert end_lines(a_run(data, rows, start_from="runs/zero"))[0].endswith("was not reached in 1 epoch")


def test_self_attention_and_augmentation_are_named():
    data = load("digits")
    lines = step_lines(begin(settings_of("digits", epochs=2, batch_size=32), data), data)
    assert "linear + positions, self-attention, linear + tanh: (16, 4) -> (16, 4)" in lines[3]
    assert lines[5].split("-> ")[1].startswith("10 logits")
    assert lines[7].endswith("2 epochs of 29 batches, seed 0; examples changed anew for each")


def test_a_training_loss_of_mixed_examples_is_explained_where_it_is_the_higher_one(data):
    run = begin(settings_of("digits", epochs=2), load("digits"))._replace(history=({"loss": 0.5},))
    text = " ".join(mixed_lines(run, 0.25))
    assert "The training loss, 0.5000, is above the held-out one because" in text
    assert "mixed in pairs and distorted" in text
    assert max(map(len, mixed_lines(run, 0.25))) <= 100
    assert mixed_lines(run, 0.75) == []
    assert mixed_lines(a_run(data, [{"loss": 0.5}]), 0.25) == []
