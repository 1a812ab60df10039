"""The lines that a run prints: the sizes of its steps, and the held-out block."""

import numpy as np

from numpy_attention.training.report import end_lines, epoch_line, format_loss, verbose_lines
from tests.support.runs import begin, settings_of


def test_losses_have_few_digits():
    assert [format_loss(x) for x in (0.12345, -0.0, 123456.789, 1.5e7, np.nan)] == [
        "0.1235",
        "0.0000",
        "123456.7890",
        "1.5000e+07",
        "-",
    ]


def a_run(history, **settings):
    return begin(settings_of(seed=3, **settings))._replace(history=tuple(history))


def test_records_have_a_line_per_kind():
    row = {"epoch": 1.0, "loss": 0.5, "focus.pooling": 0.25, "alike.pooling": np.nan, "moved.a.weight": 0.1}
    assert [line.split() for line in verbose_lines(a_run([row]))] == [
        ["focus", "pooling", "0.250"],
        ["alike", "pooling", "-"],
        ["moved", "a.weight", "0.100"],
    ]


def test_long_lines_are_wrapped_between_a_number_and_the_next_name():
    names = [f"moved.a.rather.long.name.{number}.weight" for number in range(9)]
    row = {"epoch": 1.0, "loss": 0.5, **dict.fromkeys(names, 0.125)}
    lines = verbose_lines(a_run([row]))
    assert len(lines) > 2
    assert max(map(len, lines)) <= 100
    assert sum(line.count(".weight 0.125") for line in lines) == 9
    assert lines[0].startswith("  moved        a.rather.long.name.0.weight 0.125, ")


def test_end_lines_say_whether_until_was_reached():
    rows = [{"loss": 0.5, "accuracy": 0.8}, {"loss": 0.25, "accuracy": 0.9}]
    reached, missed = (a_run(rows, epochs=2, until=f"accuracy={x}") for x in (0.9, 0.95))
    assert end_lines(reached) == ["accuracy=0.9 of the training part was reached after 2 epochs: 0.9000"]
    assert end_lines(missed) == ["accuracy=0.95 of the training part was not reached in 2 epochs: 0.9000"]
    assert (reached.reached, missed.reached) == (True, False)
    assert a_run(rows[:1], until="loss=0.5").reached
    assert not a_run(rows[:1], until="loss=0.4").reached


def test_the_best_epoch_is_named_and_what_ended_training():
    rows = [{"loss": 0.5, "validation_loss": x} for x in (0.75, 0.5, 0.625)]
    best = "The validation loss was least after epoch 2, 0.5000"
    told = "; the figures are those of that epoch"
    assert end_lines(a_run(rows, epochs=3)) == [best + told]
    limited = ["The time limit ended training after 3 epochs of 9", best + told]
    assert end_lines(a_run(rows, epochs=9, patience=2)) == limited
    assert end_lines(a_run(rows, epochs=9, patience=1)) == [f"{best}, and not lower in the 1 after it{told}"]
    assert epoch_line(a_run(rows, epochs=9)) == "Epoch [3/9], Loss: 0.5000, validation 0.6250"


def test_end_lines_compare_with_a_start_from_scratch():
    rows = [{"loss": x, "scratch_loss": y} for x, y in [(0.5, 0.7), (0.3, 0.5), (0.2, 0.3)]]
    assert end_lines(a_run(rows, epochs=3, start_from="runs/zero")) == [
        "From runs/zero: the loss 0.3000, where a start from scratch ends, was reached after 2 epochs"
    ]
    rows = [{"loss": 0.5, "scratch_loss": 0.3}]
    assert end_lines(a_run(rows, epochs=1, start_from="runs/zero"))[0].endswith("was not reached in 1 epoch")
