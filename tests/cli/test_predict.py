"""numpy-attention predict."""

import csv
import io
import re
import wave
from pathlib import Path

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.cli import main
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.classification.comparison import models_of
from numpy_attention.tasks.sounds import spoken_digits, utterances
from numpy_attention.tasks.sounds.wav import read_wav
from numpy_attention.tasks.words import dates, translation
from numpy_attention.training import run_folder
from tests.support.commands import QUICK, TABLE, out_of, write_own_data
from tests.support.recordings import write_recordings
from tests.support.small_speech import use_small_speech


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_predictions_are_those_of_the_model(capsys, files, kind):
    words, file = (TABLE, "t.csv") if kind == "csv" else (["--npz", "s.npz"], "s.npz")
    out_of(capsys, "train", *words, *QUICK, "--heads", "2", "--out", "run")
    header, *rows = csv.reader(io.StringIO(out_of(capsys, "predict", "run", f"--{kind}", file)))
    classes = ["a", "b", "c"] if kind == "csv" else ["0", "1", "2"]
    assert header[:5] == ["example", "predicted", *(f"probability of {name}" for name in classes)]
    assert header[5:] == [f"weight of token {t}, head {h}" for h in (1, 2) for t in (1, 2)]
    numbers = np.array([row[2:] for row in rows], dtype=float)
    shares, weights = numbers[:, :3], numbers[:, 3:].reshape(80, 2, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-12)
    assert [row[1] for row in rows] == [classes[place] for place in shares.argmax(axis=1)]
    lengths = np.load("s.npz")["lengths"] if kind == "npz" else np.full(80, 2)
    assert (weights[lengths == 1] == [1.0, 0.0]).all()  # a padded token has weight 0, exactly
    kept = run_folder.read_run("run", TASKS)
    x = np.load("s.npz")["x"]
    normalised = (x - kept.facts.normalisation.mean) / kept.facts.normalisation.deviation
    normalised[np.arange(2) >= lengths[:, None]] = 0
    logits, _ = models_of(kept)["learned"].forward(kept.epochs["learned"].params, normalised, lengths)
    np.testing.assert_allclose(shares, na.softmax(logits), rtol=1e-9)
    assert out_of(capsys, "predict", "run", f"--{kind}", file, "--out", "p.csv") == ""
    with open("p.csv", newline="") as written:
        assert [header, *rows] == list(csv.reader(written))


def test_predict_needs_no_labels_and_reads_columns_by_name(capsys, files):
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "run")
    whole = out_of(capsys, "predict", "run", "--csv", "t.csv")
    rows = [line.split(",") for line in (files / "t.csv").read_text().splitlines()]
    turned = "\n".join(",".join([row[3], "7", row[0], row[2], row[1]]) for row in rows)
    (files / "turned.csv").write_text(turned.replace(",7,", ",id,", 1))
    assert out_of(capsys, "predict", "run", "--csv", "turned.csv") == whole


def test_one_file_of_new_examples_is_required(capsys):
    assert main(["predict", "run"]) == 2
    assert "one of the arguments --csv --npz --text --wav is required" in capsys.readouterr().err


SPEECH = ["--task", "spoken-digits", "--epochs", "1", "--hidden-dim", "8", "--layers", "1", "--out", "run"]


@pytest.fixture
def little_speech(monkeypatch):
    monkeypatch.setattr(spoken_digits, "TRAINING_UTTERANCES", 16)
    monkeypatch.setattr(spoken_digits, "JUDGED_UTTERANCES", 2)
    monkeypatch.setattr(utterances, "POOL", 2**16)


def test_a_recording_of_ones_own_is_heard(capsys, files, little_speech):
    write_recordings(files / "own")
    out = out_of(capsys, "train", *SPEECH, "--wav", "own")
    assert "1 speaker of 3 held out; noise, white or pink, at 5 to 20 dB" in out
    assert (files / "run" / "result.json").exists()
    words = out_of(capsys, "predict", "run", "--wav", "own/2_ann_0.wav")
    assert words.count("\n") == 1
    assert set(words.split()) <= set("0123")
    with wave.open("both.wav", "wb") as file:
        file.setparams((2, 3, 16000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(256, size=6 * 8000).astype(np.uint8).tobytes())
    out = out_of(capsys, "predict", "run", "--wav", "both.wav").splitlines()
    assert out[:2] == ["both.wav: 2 channels, averaged", "both.wav: 16000 Hz, resampled to 8000 Hz"]
    assert len(out) == 3


@pytest.mark.slow
def test_a_folder_or_file_without_words_is_refused_and_nothing_is_written(capsys, files, little_speech):
    (files / "none").mkdir()
    for folder in ("none", "s.npz", "gone"):
        assert main(["train", *SPEECH, "--wav", folder]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not (files / "run").exists()
    assert main(["train", "--task", "digits", "--wav", "none"]) == 2
    assert "wav belongs to the task spoken-digits" in capsys.readouterr().err
    write_recordings(files / "own")
    assert main(["train", *SPEECH[:-1], "own", "--wav", "own"]) == 2
    assert "own is read, and would be overwritten" in capsys.readouterr().err
    out_of(capsys, "train", *SPEECH)
    assert main(["predict", "run", "--wav", "s.npz"]) == 2
    assert "s.npz is not a WAV file of PCM samples" in capsys.readouterr().err
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "table")
    assert main(["predict", "table", "--wav", "own/2_ann_0.wav"]) == 2
    assert "--wav: the run's task, csv, reads no recording of your own" in capsys.readouterr().err
    assert main(["predict", "run", "--wav", "own/2_ann_0.wav", "--out", "p.csv"]) == 2
    assert "--out does not belong to --wav FILE; leave it out" in capsys.readouterr().err


WORDS = ["--task", "dates", "--epochs", "1", "--hidden-dim", "8", "--layers", "1", "--out", "run"]


def test_a_text_of_ones_own_is_translated(capsys, monkeypatch):
    monkeypatch.setattr(translation, "EPOCH", 64)
    monkeypatch.setattr(dates, "TEST_DAYS", 16)
    monkeypatch.setattr(dates, "VALIDATION_DAYS", 16)
    out_of(capsys, "train", *WORDS)
    run = run_folder.read_run("run", TASKS)
    told = out_of(capsys, "predict", "run", "--text", "3 March 2020")
    assert told == translation.translate_text(run, "3 March 2020") + "\n"
    refused = {
        ("--text", "3 ☃ 2020"): "text holds '☃'; characters that the model has seen are expected",
        ("--text", ""): "text is empty; 1 to 64 characters are expected",
        ("--text", "3 March 2020", "--out", "p.csv"): "--out does not belong to --text STRING; leave it out",
        ("--csv", "t.csv"): "the run's task, dates, takes no examples from a file",
    }
    for words, message in refused.items():
        assert main(["predict", "run", *words]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert message in error
    assert main(["eval", "run", "--npz", "s.npz"]) == 2
    assert "the run's task, dates, takes no examples from a file" in capsys.readouterr().err


def test_digits_are_said_in_a_wav_file(capsys, monkeypatch):
    use_small_speech(monkeypatch)
    out_of(capsys, "train", "--task", "say-digits", *WORDS[2:], "--heads", "2")
    for speaker in ("ada", "bob"):
        told = out_of(
            capsys, "predict", "run", "--text", "3 1 4", "--speaker", speaker, "--out", f"{speaker}.WAV"
        )
        samples, notes = read_wav(f"{speaker}.WAV")
        assert told == f"{speaker}.WAV: {len(samples) / 8000:.2f} s, said by {speaker}\n"
        assert (notes, 0 < np.abs(samples).max() <= 1) == ([], True)
    refused = {
        ("3 1 4",): "--out is missing; FILE.wav is expected: the run's task, say-digits, speaks",
        ("3 1 4", "--out", "a.csv"): "--out is a.csv; FILE.wav is expected",
        ("3 1 4", "--out", "a.wav", "--speaker", "rms"): "speaker is 'rms'; one of ada, bob is expected",
        ("3 x", "--out", "a.wav"): "text is '3 x'; one to 10 digits, a space between two, are expected",
        ("3", "--out", "a.wav", "--decimal", ","): "--decimal does not belong to --text STRING",
        ("3", "--out", "nowhere/a.wav"): "nowhere",
    }
    for (text, *words), message in refused.items():
        assert main(["predict", "run", "--text", text, *words]) == 2
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert message in error
    assert not Path("a.wav").exists()
    assert main(["train", "--task", "say-digits", "--npz", "s.npz"]) == 2
    assert "the task is say-digits" in capsys.readouterr().err


def test_a_task_of_numbers_reads_no_text(capsys, files):
    out_of(capsys, "train", *TABLE, *QUICK, "--out", "run")
    assert main(["predict", "run", "--text", "3 March 2020"]) == 2
    assert "--text: the run's task, csv, reads no text of your own" in capsys.readouterr().err
    assert main(["predict", "run", "--csv", "t.csv", "--speaker", "ada"]) == 2
    assert "--speaker belongs to --text STRING of a task that speaks" in capsys.readouterr().err


def test_help_names_the_tasks_that_read_a_text_or_a_recording(capsys):
    assert main(["predict", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--wav FILE with spoken-digits: a recording" in text
    assert "--speaker NAME with say-digits: who" in text
    assert re.search(r"--text STRING with say-digits, ask-picture, dates, [a-z, -]*next-item: a text", text)
