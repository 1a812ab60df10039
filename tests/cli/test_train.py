"""numpy-attention train: its lines, its folder, and what it refuses before it starts."""

import itertools
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from numpy_attention.cli import main, train
from numpy_attention.cli.train import kept_message
from numpy_attention.files import read_json, read_npz
from tests.support.runs import begin, settings_of, some_data

QUICK = ["--epochs", "2", "--hidden-dim", "5", "--batch-size", "100"]


def lines_of(capsys, *words):
    assert main(["train", *words]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out.splitlines()


# test_docs.py runs seed 0
SEEDS = range(1, 5 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_default_run_learns_within_the_time_limit(seed):
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "numpy_attention", "train", "--seed", str(seed)],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # BLAS threads wait for each other on shared cores
    )
    after = os.times()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    epochs = [line for line in lines if line.startswith("Epoch")]
    assert len(epochs) == 10
    for number, line in enumerate(epochs, 1):
        assert re.fullmatch(rf"Epoch \[{number}/10\], Loss: 0\.\d{{4}}", line)
    accuracy = {line[:18].strip(): float(line[-6:]) for line in lines if re.search(r" \d\.\d{4}$", line)}
    assert accuracy["location scores"] >= 0.93
    assert accuracy["location scores"] - accuracy["uniform weights"] >= 0.12
    assert accuracy["majority class"] == 0.5
    (hits,) = (line for line in lines if line.startswith("Largest weight on the zero"))
    assert float(re.search(r": (\S+), \d+ of 500", hits)[1]) >= 0.90
    # Processor time, import included: wall time would depend on the machine's load.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5


def test_lines_are_printed_in_order(capsys):
    lines = lines_of(capsys, *QUICK)
    kinds = ("clean", "normalise", "Epoch [1/2]", "Epoch [2/2]", "Held out", "Bag", "Largest")
    places = [next(i for i, line in enumerate(lines) if line.startswith(kind)) for kind in kinds]
    assert places == sorted(places)


def test_options_reach_the_folder(capsys, tmp_path):
    lines_of(capsys, *QUICK, "--lr", "0.01", "--seed", "7", "--out", str(tmp_path / "new" / "run"))
    kept = read_json(tmp_path / "new" / "run" / "settings.json")
    assert kept == {
        "format": "numpy_attention run 2",
        "task": "digit-bags",
        "score": "location",
        "heads": 1,
        "hidden_dim": 5,
        "epochs": 2,
        "lr": 0.01,
        "batch_size": 100,
        "seed": 7,
        "optimizer": "adam",
        "schedule": "constant",
        "clip": None,
        "temperature": "fixed",
        "until": None,
        "digit": 0,
        "csv": None,
        "label": None,
        "tokens": None,
        "delimiter": None,
        "drop": None,
        "drop_text": None,
        "decimal": None,
        "npz": None,
        "strict": False,
        "start_from": None,
        "accumulate": None,
        "weight_decay": None,
        "patience": None,
        "layers": None,
        "context": None,
        "dropout": None,
        "code": None,
        "normaliser": None,
        "span": None,
        "span_penalty": None,
        "text_file": None,
        "locales": None,
        "lesion": None,
        "wav": None,
    }


def test_the_history_holds_the_printed_losses(capsys, tmp_path):
    lines = lines_of(capsys, *QUICK, "--out", str(tmp_path))
    printed = [line.split()[-1] for line in lines if line.startswith("Epoch")]
    header, *rows = (tmp_path / "history.csv").read_text().splitlines()
    assert header.startswith("epoch,loss,accuracy,uniform_loss,focus.pooling,moved.")
    assert [f"{float(row.split(',')[1]):.4f}" for row in rows] == printed


def test_an_earlier_run_is_replaced(capsys, tmp_path):
    lines_of(capsys, *QUICK, "--score", "dot", "--out", str(tmp_path))
    lines_of(capsys, *QUICK, "--epochs", "1", "--out", str(tmp_path))
    assert "learned.score.weight" in read_npz(tmp_path / "run.npz")
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "words, message",
    [
        ("--task digit", "task is 'digit' (did you mean 'digits'?); one of"),
        ("--score uniform", "uniform"),
        ("--heads 0", "heads is 0"),
        ("--batch-size 0", "batch_size is 0"),
        ("--lr nan", "lr is nan"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(capsys, tmp_path, words, message):
    assert main(["train", *words.split(), "--out", str(tmp_path / "run")]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_time_limit_ends_training_after_a_whole_epoch_and_resuming_goes_on(capsys, tmp_path):
    words = [
        "train",
        *QUICK[: QUICK.index("--epochs")],
        *QUICK[QUICK.index("--epochs") + 2 :],
        "--epochs",
        "3",
    ]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    whole = capsys.readouterr().out
    assert main([*words, "--time-limit", "1e-6", "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "Epoch [1/3]" in out
    assert "Epoch [2/3]" not in out
    assert "The time limit ended training after 1 epoch of 3" in out
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    resumed = capsys.readouterr().out
    assert resumed[resumed.index("Epoch [2/3]") :] == whole[whole.index("Epoch [2/3]") :]


def test_no_epoch_begins_that_would_end_after_the_time_limit(monkeypatch):
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=itertools.count(0, 10).__next__))
    start, data = begin(settings_of(epochs=5)), some_data()
    last = train.train_run(start, data, None, loud=False, verbose=False, time_limit=25)
    assert last.number == 2  # ten seconds each


def test_patience_ends_training_and_names_the_best_epoch(capsys, tmp_path):
    words = ["--patience", "2", "--epochs", "60", "--lr", "0.5", "--hidden-dim", "5", "--out", str(tmp_path)]
    assert main(["train", "--task", "breast-cancer", *words]) == 0
    out = capsys.readouterr().out
    best, number = re.search(
        r"least after epoch (\d+), [\d.]+, and not lower in the (\d) after it", out
    ).groups()
    assert number == "2"
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert len(rows) == 1 + int(best) + 2
    assert "validation_loss" in rows[0]
    assert main(["eval", str(tmp_path)]) == 0
    assert capsys.readouterr().out in out


def test_a_folder_without_a_run_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    assert main(["train", *QUICK, "--out", str(tmp_path)]) == 2
    assert "is not empty and holds no run" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_loss_that_is_not_finite_stops_and_an_earlier_run_stays(capsys, tmp_path):
    lines_of(capsys, *QUICK, "--out", str(tmp_path))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert main(["train", *QUICK, "--lr", "1e308", "--out", str(tmp_path)]) == 1
    _, error = capsys.readouterr()
    assert error.count("\n") == 1
    assert re.search(r"epoch 1, step \d+; nothing is kept, because no epoch was complete$", error.strip())
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_last_good_epoch_is_kept(capsys, tmp_path):
    words = ["--batch-size", "1000", "--lr", "1e308", "--out", str(tmp_path)]
    assert main(["train", *words]) == 1  # one step an epoch: the first is enormous, but finite
    out, error = capsys.readouterr()
    assert "Epoch [1/10]" in out
    assert "Epoch [2/10]" not in out
    assert re.search(r"loss is (nan|inf) .* epoch 2, step 1; epoch 1 is kept in ", error)
    assert error.count("\n") == 1
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2
    assert main(["eval", str(tmp_path)]) == 0


def test_kept_message_names_epoch_and_folder(tmp_path):
    assert kept_message(tmp_path, 2) == f"epoch 2 is kept in {tmp_path}"
    assert kept_message(tmp_path, 0) == "nothing is kept, because no epoch was complete"
    assert kept_message(None, 1) == "nothing is kept, because --out was not given"
