"""The run folder: what goes in comes out, and what is foreign or damaged is refused by name."""

import io
import json
import os
import pickle

import numpy as np
import pytest

from numpy_attention.files import read_npz, write_npz
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import runs
from numpy_attention.tasks.cleaning import Normalisation
from numpy_attention.tasks.scoring import SCORES
from numpy_attention.tasks.settings import Settings

WIDTH = 3


def a_run(score="location", heads=2):
    settings = Settings(score=score, heads=heads, hidden_dim=5)
    normalisation = Normalisation(np.arange(3.0), np.arange(1.0, 4.0))
    rng = np.random.default_rng(59)
    learned, uniform = (model.init(rng) for model in runs.models(settings, WIDTH))
    return runs.Run(settings, normalisation, learned, uniform)


@pytest.fixture
def folder(tmp_path):
    runs.keep(tmp_path / "run", a_run(), [(1, 0.7, 0.6)])
    return tmp_path / "run"


@pytest.mark.parametrize("score", SCORES)
def test_what_goes_in_comes_out(tmp_path, score):
    run = a_run(score)
    runs.keep(tmp_path, run, [(1, 0.7, 0.6)])
    back = runs.read(tmp_path)
    assert back.settings == run.settings
    for ours, theirs in zip(run.normalisation, back.normalisation, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in ((run.learned, back.learned), (run.uniform, back.uniform)):
        assert list(ours) == list(theirs)
        assert list(flatten(ours)) == list(flatten(theirs))
        for name, array in flatten(ours).items():
            np.testing.assert_array_equal(flatten(theirs)[name], array)


def test_the_files(folder):
    assert {file.name for file in folder.iterdir()} == {
        "settings.json",
        "normalisation.npz",
        "parameters.npz",
        "history.csv",
    }
    assert json.loads((folder / "settings.json").read_text()) == {
        "format": "numpy_attention run 1",
        **a_run().settings._asdict(),
    }
    assert (folder / "history.csv").read_text() == "epoch,loss,uniform_loss\n1,0.7,0.6\n"
    names = ["features.weight", "features.bias", "classifier.weight", "classifier.bias"]
    assert list(read_npz(folder / "parameters.npz")) == [
        *(f"learned.{name}" for name in [*names, "score.weight"]),
        *(f"uniform.{name}" for name in names),
    ]


def test_a_later_epoch_replaces_parameters_and_history_alone(folder):
    settled = [folder / "settings.json", folder / "normalisation.npz"]
    before = [file.stat().st_ino for file in settled]
    run = a_run()
    run.learned["features"]["bias"] += 1.0
    runs.keep(folder, run, [(1, 0.7, 0.6), (2, 0.5, 0.55)])
    assert [file.stat().st_ino for file in settled] == before
    assert (runs.read(folder).learned["features"]["bias"] == 1).all()
    assert (folder / "history.csv").read_text().endswith("\n2,0.5,0.55\n")


def test_a_new_run_never_stands_beside_the_parameters_of_the_last(folder):
    (folder / "settings.json").unlink()
    (folder / "settings.json").mkdir()  # so that writing the settings fails
    with pytest.raises(OSError, match=r"settings\.json"):
        runs.keep(folder, a_run("dot"), [(1, 0.7, 0.6)])
    assert not (folder / "parameters.npz").exists()


def test_folders_that_are_admitted(tmp_path, folder):
    assert runs.admit(tmp_path / "new" / "deep") == tmp_path / "new" / "deep"
    assert not (tmp_path / "new").exists()  # nothing is made before there is something to keep
    (tmp_path / "empty").mkdir()
    assert runs.admit(tmp_path / "empty") == tmp_path / "empty"
    assert runs.admit(folder) == folder


def test_folders_that_are_refused(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "settings.json").write_text('{"format": "another"}')
    (tmp_path / "file").write_text("")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for name, told in {
        "thesis": "thesis is not empty and holds no run",
        "file": "file is not a folder",
        "file/run": "file is not a folder",
        "nowhere": "nowhere is not a folder",
    }.items():
        with pytest.raises(ValueError, match=told):
            runs.admit(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ValueError, match="locked may not be written to"):
        runs.admit(tmp_path / "locked" / "run")


def spoil_array(folder, file, name, array):
    write_npz(folder / file, {**read_npz(folder / file), name: array})


def pickled(folder):
    data = io.BytesIO()
    np.savez(data, **{"learned.features.bias": np.array([print], dtype=object)})
    (folder / "parameters.npz").write_bytes(data.getvalue())


def drop(folder, name):
    arrays = read_npz(folder / "parameters.npz")
    del arrays[name]
    write_npz(folder / "parameters.npz", arrays)


def change(folder, **settings):
    given = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(given | settings))


P, N, S = "parameters.npz", "normalisation.npz", "settings.json"
BIAS = "learned.features.bias"
DAMAGE = {
    "no settings": (lambda d: (d / S).unlink(), "holds no run: it has no settings.json"),
    "settings cut": (lambda d: (d / S).write_text('{"for'), "settings.json is not a whole JSON"),
    "settings a list": (lambda d: (d / S).write_text("[1]"), "settings.json is not of a run"),
    "foreign": (lambda d: change(d, format="x"), "settings.json is not of a run"),
    "unknown key": (lambda d: change(d, momentum=1), "settings.json: 'momentum' is not a setting"),
    "unknown task": (lambda d: change(d, task="x"), "settings.json: task is 'x'; one of"),
    "unknown score": (lambda d: change(d, score="x"), "settings.json: score is 'x'; one of"),
    "hidden_dim 0": (lambda d: change(d, hidden_dim=0), "settings.json: hidden_dim is 0"),
    "lr NaN": (lambda d: change(d, lr=float("nan")), "settings.json: lr is nan"),
    "other heads": (lambda d: change(d, heads=3), r"classifier.weight is float64 \(1, 10\); .*15"),
    "huge": (lambda d: change(d, hidden_dim=10**6), "features.weight is float64"),
    "other score": (lambda d: change(d, score="dot"), "has no array 'learned.score.query'"),
    "no parameters": (lambda d: (d / P).unlink(), "has no parameters.npz; .*did not complete"),
    "cut": (lambda d: (d / P).write_bytes((d / P).read_bytes()[:99]), "parameters.npz is not a whole"),
    "pickled": (pickled, "parameters.npz is not a whole .npz of plain arrays"),
    "a pickle": (lambda d: (d / P).write_bytes(pickle.dumps(1)), "parameters.npz is not a whole"),
    "one missing": (lambda d: drop(d, BIAS), f"has no array '{BIAS}'"),
    "one too many": (lambda d: spoil_array(d, P, "x", np.ones(2)), "an array 'x' that does not"),
    "shape": (lambda d: spoil_array(d, P, BIAS, np.ones(7)), rf"{BIAS} is float64 \(7,\)"),
    "dtype": (lambda d: spoil_array(d, P, BIAS, np.ones(5, int)), f"{BIAS} is int64"),
    "NaN": (lambda d: spoil_array(d, P, BIAS, np.full(5, np.nan)), f"{BIAS} holds a number that"),
    "no statistics": (lambda d: (d / N).unlink(), "has no normalisation.npz"),
    "width": (lambda d: spoil_array(d, N, "mean", np.ones(7)), r"deviation is float64 \(3,\); .*7"),
    "scalar": (lambda d: spoil_array(d, N, "mean", np.ones(())), r"mean is float64 \(\)"),
    "not above 0": (lambda d: spoil_array(d, N, "deviation", np.zeros(3)), "not above 0"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_named(folder, how):
    spoil, told = DAMAGE[how]
    spoil(folder)
    with pytest.raises(ValueError, match=told) as refused:
        runs.read(folder)
    assert str(folder) in str(refused.value)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="gone is not there"):
        runs.read(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is not a folder"):
        runs.read(tmp_path / "file")
