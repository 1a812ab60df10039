"""Recovery: epochs counted by hand, the lines of a run, and that resuming and workers change no bit."""

import math
from types import SimpleNamespace

import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz
from numpy_attention.training.recovery import (
    Injury,
    epoch_text,
    epochs_to_recover,
    injury_lines,
    injury_of,
    recovery_lines,
)
from tests.support.commands import QUICK, TABLE, out_of, write_own_data
from tests.support.runs import begin, settings_of, some_data
from tests.training.test_lesion import wounded

COUNTED = [
    (0.9, [0.5, 0.8, 0.88, 0.895, 0.7], True, 3),
    (0.9, [0.891, 0.5], True, 0),
    (0.9, [0.5, 0.889, 0.8], True, None),
    (0.9, [0.5, 0.99], True, 1),
    (0.5, [0.9, 0.506, 0.504], False, 2),
    (0.5, [0.9, 0.3], False, 1),
    (0.5, [0.9, 0.6], False, None),
    (0.5, [math.nan, 0.5], False, 1),
]


@pytest.mark.parametrize("before, after, share, number", COUNTED)
def test_the_first_epoch_within_the_margin(before, after, share, number):
    assert epochs_to_recover(before, after, share=share) == number


def a_run(*figures):
    rows = tuple({"epoch": n, "lesion.training": x, "lesion.held-out": 0.5} for n, x in enumerate(figures, 1))
    return begin(settings_of(start_from="x"))._replace(history=rows)


def test_lines_say_how_many_epochs_and_what_recovered_means():
    injury = Injury({"training": 0.75, "held-out": 0.5}, {"training": 0.25, "held-out": 0.5})
    margin = "(within 0.01 of the accuracy before, 0.7500, on the training part)"
    assert recovery_lines(a_run(0.5, 0.745, 0.5), injury) == [f"Recovered after 2 epochs {margin}"]
    assert recovery_lines(a_run(0.5), injury) == [f"Not recovered in 1 epoch {margin}"]
    unharmed = injury._replace(after=injury.before)
    assert recovery_lines(a_run(0.5), unharmed) == [f"Nothing to recover from {margin}"]
    assert recovery_lines(a_run(0.5), None) == []


def test_of_a_loss_less_is_better_and_the_margin_is_a_share_of_it():
    task = SimpleNamespace(metric="nats a symbol", measure="accuracy")
    run = SimpleNamespace(
        task=task, history=({"lesion.validation": 2.03}, {"lesion.validation": 2.01}), number=2
    )
    (line,) = recovery_lines(run, Injury({"validation": 2.0, "held-out": 0.0}, {"validation": 3.0}))
    assert line == (
        "Recovered after 2 epochs (at most 1% above the nats a symbol before, 2.0000, on the validation part)"
    )


def test_the_lines_of_a_run_are_its_figures_before_after_and_in_each_epoch():
    data, (run, last) = some_data(), wounded("head=1+2")
    injury, objective = injury_of(run, data), run.objectives()["learned"]
    assert injury.before["training"] == objective.figures(run.starts["learned"], data.train).accuracy
    after = objective.figures(run.epochs["learned"].params, data.train).accuracy
    assert injury.after["training"] == after == 9 / 17  # all heads are gone: the bias alone
    first, before, right_after = injury_lines(run, injury)
    assert first.startswith("Lesion of heads 1 and 2 of 2 in pooling, which leaves none: ")
    assert before.split()[:3] == ["Before", "accuracy", f"{injury.before['training']:.4f}"]
    assert right_after.startswith("Right after it   accuracy 0.5294 (training), ")
    now = objective.figures(last.epochs["learned"].params, data.train).accuracy
    assert epoch_text(last).startswith(f", accuracy {now:.4f} (training), ")
    plain = begin(settings_of(), data)
    assert injury_of(plain, data) is None
    assert injury_lines(plain, None) == []
    assert epoch_text(plain._replace(history=({"epoch": 1.0, "loss": 0.5},))) == ""


@pytest.fixture
def source(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    words = ["train", *TABLE, *QUICK, "--lr", "0.05"]
    out_of(capsys, *words, "--heads", "2", "--out", "source")
    return [*words, "--start-from", str(tmp_path / "source")]


@pytest.mark.parametrize("lesion", ["head=2", "40%"])
def test_a_resumed_run_leaves_the_same_bits_and_prints_the_same_end(capsys, source, lesion):
    whole = out_of(capsys, *source, "--lesion", lesion, "--out", "whole")
    out_of(capsys, *source, "--lesion", lesion, "--time-limit", "1e-6", "--out", "part")
    resumed = out_of(capsys, "train", "--resume", "part")
    assert whole[whole.index("Epoch [2/3]") :] == resumed[resumed.index("Epoch [2/3]") :]
    assert whole[whole.index("Lesion of") : whole.index("Epoch")] in resumed
    one, other = read_npz("whole/run.npz"), read_npz("part/run.npz")
    assert list(one) == list(other)
    assert all(array.tobytes() == other[name].tobytes() for name, array in one.items())


def test_a_grid_of_lesions_says_of_each_whether_it_recovered(capsys, source):
    lines = out_of(capsys, *source, "--lesion", "5%,head=1+2").splitlines()
    assert lines[1].startswith("lesion 5%: held-out loss ")
    assert "; Nothing to recover from (within 0.01 of" in lines[1]
    assert "; Not recovered in 3 epochs (within" in lines[2]


REFUSED = {
    "--lesion head=1": "lesion is head=1, but no run to lesion is given; write --start-from DIR as well",
    "--start-from source --lesion head=0": "lesion is 'head=0'; head=N, head=ATTENTION.N, several as head=1",
    "--start-from source --lesion head=9": "lesion is head=9, but the model has 1 attention, 2 heads in pool",
    "--start-from source --lesion 0%": "lesion is '0%'",
    "--start-from source --lesion 100%": "lesion is '100%'",
    "--start-from source --lesion 10": "lesion is '10'",
    "--start-from source --lesion head=1,head=9": "lesion is head=9, but",
    "--start-from source --lesion 10%,10%": "lesion is 10%, 10%; values that differ are expected",
    "--start-from source --task digit-bags --lesion 10%": "source, a run of csv, does not fit: its",
    "--resume source --lesion 10%": "--resume uses the settings of the run; leave out --lesion",
}


def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(capsys, source, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for words, message in REFUSED.items():
        more = [] if "--resume" in words else ["--out", "new", *(() if "--task" in words else TABLE)]
        assert main(["train", *words.split(), *more]) == 2, words
        printed, error = capsys.readouterr()
        assert (printed, error.count("\n")) == ("", 1), words
        assert message in error, words
        assert sorted(tmp_path.rglob("*")) == before, words
