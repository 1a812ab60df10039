"""Own data, grids, pictures, and interrupted runs that go on, through train and eval."""

import errno
import os
import re
import signal

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.files import write_npz
from numpy_attention.tasks import TASKS, load
from numpy_attention.training import run_folder
from numpy_attention.training.folder_lock import only_writer
from tests.support.commands import QUICK, TABLE, out_of, write_own_data


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    return tmp_path


def contents(folder):
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "result.json"]  # seconds
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize("words", [TABLE, ["--npz", "s.npz"]], ids=["csv", "npz"])
def test_own_data_train_and_evaluate_to_the_digit(capsys, files, words):
    trained = out_of(capsys, "train", *words, *QUICK, "--heads", "2", "--out", "run")
    assert re.search("-> 3 logits", trained)
    assert "logistic regression" in trained
    assert trained.endswith("\n\n" + out_of(capsys, "eval", "run"))


def test_eval_of_another_file(capsys, files):
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "run")
    text = (files / "t.csv").read_text().splitlines()
    (files / "few.csv").write_text("\n".join(text[:12]))
    lines = out_of(capsys, "eval", "run", "--csv", "few.csv").splitlines()
    assert lines[0] == "few.csv: 11 examples"
    assert [line.split()[0] for line in lines[2:6]] == ["location", "uniform", "logistic", "majority"]


def test_sequences_of_another_length_are_evaluated_predicted_and_started_from(capsys, files):
    out_of(capsys, "train", "--npz", "s.npz", *QUICK, "--out", "run")
    arrays = dict(np.load("s.npz"))
    longer = arrays | {"x": np.concatenate([arrays["x"]] * 2, axis=1)}
    write_npz(files / "longer.npz", longer)
    own, same = (out_of(capsys, "eval", "run", "--npz", name) for name in ("s.npz", "longer.npz"))
    assert "Left out: logistic regression, which takes 2 tokens; these examples have 4" in same
    figures = [line.split() for line in own.splitlines()[2:6] if "logistic" not in line]
    assert [line.split() for line in same.splitlines()[2:5]] == figures
    header, first, *_ = out_of(capsys, "predict", "run", "--npz", "longer.npz").splitlines()
    assert header.endswith("weight of token 3,weight of token 4")
    assert first.endswith(",0.0,0.0")  # padding
    started = out_of(capsys, "train", "--npz", "longer.npz", *QUICK, "--start-from", "run", "--out", "new")
    assert "logistic regression starts from scratch: run fitted it to 2 tokens, the data have 4" in started
    assert started.endswith("\n\n" + out_of(capsys, "eval", "new"))


@pytest.mark.parametrize("words", [TABLE, ["--npz", "s.npz"]], ids=["csv", "npz"])
def test_a_run_is_evaluated_and_resumed_from_any_folder(capsys, files, monkeypatch, words):
    out_of(capsys, "train", *words, *QUICK, "--out", "run")
    here = out_of(capsys, "eval", "run")
    before = contents(files / "run")
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    assert out_of(capsys, "eval", "../run") == here
    assert "Resumed after epoch 3 of 3" in out_of(capsys, "train", "--resume", "../run")
    assert contents(files / "run") == before
    assert "Epoch [3/3]" in out_of(capsys, "train", "--config", "../run/settings.json")


@pytest.mark.parametrize("words", [["--out", "run"], ["--resume", "run"], ["--lr", "0.1,0.2", "--out", "g"]])
def test_a_second_training_into_one_folder_is_refused_and_eval_is_not(capsys, files, words):
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "run")
    before = contents(files / "run")
    with only_writer(files / words[-1]):
        assert main(["train", *([] if "--resume" in words else [*TABLE, *QUICK]), *words]) == 2
        assert re.search(rf"process \d+, writes to {words[-1]}; wait for its", capsys.readouterr().err)
        out_of(capsys, "eval", "run")
    assert contents(files / "run") == before


@pytest.mark.parametrize("file, kept", [("run.npz", 1), ("settings.json", 2), ("history.csv", 2)])
def test_a_full_disk_names_the_file_and_the_epoch_that_is_kept(capsys, files, monkeypatch, file, kept):
    replace = os.replace

    def full(source, target):
        if target.name == file and writes.append(file) is None and len(writes) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    writes = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert main(["train", *TABLE, *QUICK, "--out", "run"]) == 2
    assert capsys.readouterr().err == (
        f"numpy-attention: run/{file}: No space left on device; the file before it is unchanged; "
        f"epoch {kept} is kept in run\n"
    )
    assert run_folder.read_run("run", TASKS).number == kept
    assert f"Resumed after epoch {kept} of 3" in out_of(capsys, "train", "--resume", "run")


def test_a_grid_is_trained_and_judged(capsys, files):
    out = out_of(capsys, "train", *TABLE, *QUICK, "--lr", "0.01,0.1", "--score", "dot,location", "--out", "g")
    lines = out.splitlines()
    assert lines[0] == "4 trainings: score, lr"
    header, *rows = (files / "g" / "grid.csv").read_text().splitlines()
    assert header == "score,lr,held_out_loss,held_out_accuracy"
    expected = [[score, lr] for score in ("dot", "location") for lr in ("0.01", "0.1")]
    assert [row.split(",")[:2] for row in rows] == expected
    alone = out_of(capsys, "train", *TABLE, *QUICK, "--lr", "0.1", "--score", "dot", "--out", "alone")
    assert contents(files / "alone") == contents(files / "g" / "2")
    loss = f"{float(rows[1].split(',')[2]):.4f}"
    assert f"dot scores           {loss}" in alone
    assert lines[2].startswith(f"score dot, lr 0.1: held-out loss {loss}")
    assert lines[-1].startswith("Least: ")


def test_a_grid_goes_on_after_a_loss_that_is_not_finite(capsys, files):
    out = out_of(capsys, "train", *TABLE, *QUICK, "--lr", "0.01,1e308", "--out", "g")
    assert re.search(r"lr 1e\+308: .* epoch 1, step \d; nothing is kept", out)
    assert (files / "g" / "grid.csv").read_text().endswith("\n1e+308,,\n")
    assert not (files / "g" / "2").exists()
    assert "Left out: 1 that met a number that is not finite" in out


def test_every_setting_changes_the_run(capsys, files):
    base = ["train", *TABLE, *QUICK]
    changes = ["", "--optimizer sgd", "--schedule cosine", "--clip 0.01", "--temperature learned", "--seed 1"]
    ends = set()
    for number, words in enumerate(changes):
        out_of(capsys, *base, *words.split(), "--out", str(number))
        ends.add(
            run_folder.read_run(str(number), TASKS).epochs["learned"].params["features"]["weight"].tobytes()
        )
    assert len(ends) == len(changes)


def test_until(capsys, files):
    words = ["train", *TABLE, *QUICK, "--epochs", "40", "--lr", "0.1", "--out", "run"]
    out = out_of(capsys, *words, "--until", "accuracy=0.6")
    (number,) = re.findall(r"accuracy=0.6 of the training part was reached after (\d+) epochs: 0\.6", out)
    history = run_folder.read_run("run", TASKS).history
    assert len(history) == int(number) < 40
    assert [row["accuracy"] >= 0.6 for row in history] == [False] * (len(history) - 1) + [True]


def test_verbose_prints_what_is_recorded(capsys, files):
    out = out_of(capsys, "train", *TABLE, *QUICK, "--heads", "2", "--verbose", "--out", "run")
    last = run_folder.read_run("run", TASKS).history[-1]
    focus = [float(value) for value in re.findall(r"focus +pooling (\S+)", out)]
    alike = [float(value) for value in re.findall(r"alike +pooling (\S+)", out)]
    assert len(focus) == len(alike) == 3
    assert focus[-1] == pytest.approx(last["focus.pooling"], abs=5e-4)
    assert alike[-1] == pytest.approx(last["alike.pooling"], abs=5e-4)
    assert f"score.weight {last['moved.score.weight']:.3f}" in out


WAYS = {
    "csv": [
        *TABLE,
        *["--heads", "2", "--optimizer", "adamw", "--schedule", "cosine", "--temperature", "learned"],
    ],
    "npz": ["--npz", "s.npz", "--optimizer", "momentum", "--clip", "0.1", "--score", "cosine"],
    "until": [*TABLE, "--until", "loss=0.9"],
    "digits": ["--task", "digits", "--heads", "2", "--batch-size", "898", "--layers", "1"],
}


@pytest.mark.parametrize("way", WAYS)
def test_interrupted_and_resumed_run_equals_an_unbroken_one(capsys, files, monkeypatch, way):
    words = ["train", *QUICK, *WAYS[way]]
    whole = out_of(capsys, *words, "--out", "whole")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    keep = run_folder.save_numbers

    def keep_and_press(folder, run):
        if run.number == 1:
            signal.raise_signal(signal.SIGINT)  # noted: the epoch in hand is kept first
        keep(folder, run)

    monkeypatch.setattr(run_folder, "save_numbers", keep_and_press)
    assert main([*words, "--out", "parts"]) == 130
    assert capsys.readouterr().err == "numpy-attention: interrupted: epoch 1 is kept in parts\n"
    monkeypatch.setattr(run_folder, "save_numbers", keep)
    resumed = out_of(capsys, "train", "--resume", "parts")
    assert "Resumed after epoch 1 of 3" in resumed
    assert contents(files / "whole") == contents(files / "parts")
    assert whole.split("\n\nHeld out")[1] == resumed.split("\n\nHeld out")[1]
    again = out_of(capsys, "train", "--resume", "parts")
    assert "Resumed after epoch" in again
    assert contents(files / "whole") == contents(files / "parts")


def test_resumed_after_a_loss_that_is_not_finite_stops_there_again(capsys, files):
    words = ["train", *TABLE, *QUICK, "--batch-size", "64", "--lr", "1e308", "--out", "run"]
    assert main(words) == 1
    first = capsys.readouterr().err
    assert re.search(r"epoch \d, step 1; epoch \d is kept in run\n$", first)
    before = contents(files / "run")
    assert main(["train", "--resume", "run"]) == 1
    assert capsys.readouterr().err == first
    assert contents(files / "run") == before


def test_pictures(capsys, files, peer):
    peer("matplotlib")
    words = ["train", *TABLE, *QUICK, "--plot", "--out"]
    for name in ("one", "other"):
        out_of(capsys, *words, name)
    one = contents(files / "one")
    assert one == contents(files / "other")
    for name in ("loss", "attention"):
        assert one[f"{name}.png"].startswith(b"\x89PNG")
        assert b"<svg" in one[f"{name}.svg"]
    assert b"uniform weights" in one["loss.svg"]
    assert b"token" in one["attention.svg"]
    out_of(capsys, "train", "--resume", "one")
    assert contents(files / "one") == one
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "one")
    assert "loss.png" not in contents(files / "one")  # it was another run's


def test_every_run_of_a_grid_has_its_pictures(capsys, files, peer):
    peer("matplotlib")
    out_of(capsys, "train", *TABLE, *QUICK, "--lr", "0.1,0.2", "--plot", "--out", "g")
    assert {"1/loss.png", "2/attention.svg", "2/run.npz", "grid.csv"} <= set(contents(files / "g"))


def test_classes_may_be_called_anything(capsys, files, peer):
    peer("matplotlib")
    text = (files / "t.csv").read_text().replace(",a\n", ",$\\frac\n").replace(",b\n", ",{0} σ\n")
    (files / "t.csv").write_text(text, encoding="utf-8")
    out = out_of(capsys, "train", *TABLE, *QUICK, "--plot", "--out", "run")
    assert "which is it of $\\frac, c, {0} σ?" in out
    assert rb"$\frac" in (files / "run" / "attention.svg").read_bytes()


def test_own_bags_are_evaluated(capsys, files):
    out_of(capsys, "train", *QUICK, "--batch-size", "500", "--out", "bags")
    test = load("digit-bags").raw.test
    write_npz(files / "bags.npz", {"x": test.x, "y": test.y.astype(bool)})
    own, same = (out_of(capsys, "eval", "bags", *words) for words in ([], ["--npz", "bags.npz"]))
    assert same.splitlines()[2:4] == own.splitlines()[2:4]
    assert "digit 10" in same
    write_npz(files / "bags.npz", {"x": test.x, "y": test.y})
    assert out_of(capsys, "eval", "bags", "--npz", "bags.npz") == same
