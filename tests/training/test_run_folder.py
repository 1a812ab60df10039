"""The run folder: what goes in comes out, and what is foreign or damaged is refused by name."""

import json
import os
import pickle

import numpy as np
import pytest

from numpy_attention.files import read_npz, write_npz
from numpy_attention.nn.token_scores import SCORES
from numpy_attention.optim.trees import flatten
from numpy_attention.training import run_folder as runs
from numpy_attention.training.cleaning import prepare
from numpy_attention.training.data import Data, Examples
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.settings import OPTIMIZER_NAMES, Settings


def some_data(classes=("no", "yes")):
    rng = np.random.default_rng(59)
    parts = (
        Examples(rng.normal(size=(size, 5, 3)), np.arange(size, dtype=float) % len(classes))
        for size in (17, 7)
    )
    return prepare(Data(*parts, classes))


def a_run(epochs=1, data=None, **settings):
    chosen = {"heads": 2, "hidden_dim": 4, "batch_size": 7, "epochs": 3, **settings}
    run = start_run(Settings(**chosen), some_data() if data is None else data)
    training = run_epochs(run, some_data() if data is None else data)
    for _ in range(epochs):
        run = next(training)
    return run


@pytest.fixture
def folder(tmp_path):
    runs.keep(tmp_path / "run", a_run())
    return tmp_path / "run"


def same_run(one, other):
    ours, theirs = runs.packed(one), runs.packed(other)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    assert one.models() == other.models()


@pytest.mark.parametrize("score", SCORES)
def test_what_goes_in_comes_out(tmp_path, score):
    run = a_run(2, score=score, temperature="learned")
    runs.keep(tmp_path, run)
    same_run(runs.read(tmp_path), run)


@pytest.mark.parametrize("task", ["digits", "breast-cancer", "npz"])
@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
def test_so_does_every_model_with_every_optimizer(tmp_path, monkeypatch, task, optimizer):
    npz = "a.npz" if task == "npz" else None
    settings = Settings(task=task, optimizer=optimizer, heads=2, hidden_dim=4, npz=npz)
    data = some_data(("a", "b", "c"))
    (tmp_path / "a.npz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    run = start_run(settings._replace(batch_size=7), data)
    run = run._replace(history=({"epoch": 1.0, "loss": 0.5, "accuracy": 1.0, "uniform_loss": np.nan,
                                 "logistic_loss": 0.25},))  # fmt: skip
    runs.keep(tmp_path / "run", run)
    same_run(runs.read(tmp_path / "run"), run)


def test_a_run_that_was_kept_goes_on_to_the_same_bits(tmp_path):
    data, settings = some_data(), {"schedule": "cosine", "clip": 0.1, "temperature": "learned"}
    whole = a_run(3, **settings)
    for epochs in (1, 2):
        runs.keep(tmp_path, a_run(epochs, **settings))
        *_, last = run_epochs(runs.read(tmp_path), data)
        same_run(last, whole)


def test_the_files(folder):
    assert {file.name for file in folder.iterdir()} == {"run.npz", "settings.json", "history.csv"}
    run = a_run()
    told = json.loads((folder / "settings.json").read_text())
    assert told == {"format": "numpy_attention run 2", **run.settings._asdict()}
    names = ["features.weight", "features.bias", "classifier.weight", "classifier.bias"]
    kept = [name for name in read_npz(folder / "run.npz") if name.startswith(("learned.", "uniform."))]
    assert kept == [
        *(f"learned.{name}" for name in [*names, "score.weight"]),
        *(f"uniform.{n}" for n in names),
    ]
    header, row = (folder / "history.csv").read_text().splitlines()
    assert header.startswith("epoch,loss,accuracy,uniform_loss,focus.pooling,alike.pooling,moved.")
    assert row.split(",")[:2] == ["1", repr(run.history[0]["loss"])]


def test_what_is_not_known_is_empty_in_the_history(folder):
    run = a_run()
    row = {**run.history[0], "focus.pooling": np.nan}
    runs.keep(folder, run._replace(history=(row,)))
    assert (folder / "history.csv").read_text().splitlines()[1].split(",")[4] == ""
    assert np.isnan(runs.read(folder).history[0]["focus.pooling"])


def test_the_run_stands_whole_if_the_other_files_could_not_be_written(folder, monkeypatch):
    later = a_run(2)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(runs, "write_json", full)
    with pytest.raises(OSError, match="disk full"):
        runs.keep(folder, later)
    same_run(runs.read(folder), later)


def test_a_folder_that_may_be_used(tmp_path, folder):
    assert runs.admit(tmp_path / "new" / "er") == tmp_path / "new" / "er"
    (tmp_path / "empty").mkdir()
    assert runs.admit(tmp_path / "empty") == tmp_path / "empty"
    assert runs.admit(folder) == folder
    assert not (tmp_path / "new").exists()


def test_what_a_killed_writer_left_is_swept_away(folder):
    (folder / ".0123456789abcdef.part").write_bytes(b"half")
    (folder / ".mine.part").write_bytes(b"whole")
    runs.admit(folder)
    assert {file.name for file in folder.iterdir() if file.name.startswith(".")} == {".mine.part"}


def test_folders_of_something_else_are_refused(tmp_path):
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


def spoil(folder, **arrays):
    kept = {**read_npz(folder / "run.npz"), **arrays}
    write_npz(folder / "run.npz", {name: array for name, array in kept.items() if array is not None})


def words(folder, name, **changes):
    given = json.loads(str(read_npz(folder / "run.npz")[name]))
    spoil(folder, **{name: np.array(json.dumps(given | changes))})


def pickled(folder):
    np.savez(folder / "run.npz", **{"learned.features.bias": np.array([print], dtype=object)})


BIAS, RUN = "learned.features.bias", "run.npz"
DAMAGE = {
    "no run": (lambda d: (d / RUN).unlink(), "holds no run: it has no run.npz"),
    "empty": (lambda d: (d / RUN).write_bytes(b""), "run.npz is not a whole .npz"),
    "cut": (lambda d: (d / RUN).write_bytes((d / RUN).read_bytes()[:999]), "run.npz is not a whole .npz"),
    "pickled": (pickled, "run.npz is not a whole .npz of plain arrays"),
    "a pickle": (lambda d: (d / RUN).write_bytes(pickle.dumps(1)), "run.npz is not a whole"),
    "another npz": (lambda d: write_npz(d / RUN, {"x": np.ones(3)}), "run.npz is not of a run"),
    "foreign": (lambda d: spoil(d, format=np.array('"x"')), "run.npz is not of a run: its"),
    "format no text": (lambda d: spoil(d, format=np.ones(2)), "run.npz is not of a run: it has no text"),
    "settings cut": (lambda d: spoil(d, settings=np.array('{"ta')), "settings is not whole"),
    "settings a list": (lambda d: spoil(d, settings=np.array("[1]")), "settings are a list"),
    "unknown key": (lambda d: words(d, "settings", momentum=1), "'momentum' is not a setting"),
    "unknown task": (lambda d: words(d, "settings", task="x"), "task is 'x'; one of"),
    "unknown score": (lambda d: words(d, "settings", score="x"), "score is 'x'; one of"),
    "hidden_dim 0": (lambda d: words(d, "settings", hidden_dim=0), "hidden_dim is 0"),
    "lr NaN": (lambda d: words(d, "settings", lr=float("nan")), "lr is nan"),
    "other heads": (lambda d: words(d, "settings", heads=3), r"classifier.weight is float64 \(1, 8\); .*12"),
    "huge": (lambda d: words(d, "settings", hidden_dim=10**6), "features.weight is float64"),
    "other score": (lambda d: words(d, "settings", score="dot"), "has no array 'learned.score.query'"),
    "other optimizer": (lambda d: words(d, "settings", optimizer="sgd"), "has no array 'optimizer.*velocity"),
    "other facts": (lambda d: words(d, "facts", age=7), "facts are not those of a run"),
    "facts of another kind": (lambda d: words(d, "facts", tokens="5"), "facts are not those of a run"),
    "one class": (lambda d: words(d, "facts", classes=["a"]), "facts are not those of a run"),
    "facts a number": (lambda d: spoil(d, facts=np.array("1")), "facts are not those of a run"),
    "more classes": (
        lambda d: words(d, "facts", classes=["a", "b", "c"], counts=[1, 2, 3]),
        r"classifier.weight is float64 \(1, 8\); .*\(3, 8\)",
    ),
    "one missing": (lambda d: spoil(d, **{BIAS: None}), f"has no array '{BIAS}'"),
    "one too many": (lambda d: spoil(d, x=np.ones(2)), "an array 'x' that does not"),
    "shape": (lambda d: spoil(d, **{BIAS: np.ones(7)}), rf"{BIAS} is float64 \(7,\)"),
    "dtype": (lambda d: spoil(d, **{BIAS: np.ones(4, int)}), f"{BIAS} is int64"),
    "NaN": (lambda d: spoil(d, **{BIAS: np.full(4, np.nan)}), f"{BIAS} holds a number that"),
    "step": (lambda d: spoil(d, **{"optimizer.learned.step": np.ones(())}), "step is float64"),
    "no statistics": (lambda d: spoil(d, **{"normalisation.mean": None}), "no array 'normalisation.mean'"),
    "width": (lambda d: spoil(d, **{"normalisation.mean": np.ones(7)}), r"mean is float64 \(7,\); .*3"),
    "not above 0": (lambda d: spoil(d, **{"normalisation.deviation": np.zeros(3)}), "not above 0"),
    "no history": (lambda d: spoil(d, **{"history.rows": None}), "has no history"),
    "empty history": (lambda d: spoil(d, **{"history.rows": np.ones((0, 3))}), "has no history"),
    "history short": (lambda d: spoil(d, **{"history.rows": np.ones((1, 3))}), "does not name the columns"),
    "history unnamed": (
        lambda d: spoil(d, **{"history.rows": np.ones((1, 1)), "history.columns": np.array(["a"])}),
        "does not name epoch",
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_named(folder, how):
    damage, told = DAMAGE[how]
    damage(folder)
    with pytest.raises(ValueError, match=told) as refused:
        runs.read(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="gone is not there"):
        runs.read(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is not a folder"):
        runs.read(tmp_path / "file")


def test_a_run_has_what_began_it(folder):
    run = runs.read(folder)
    for name, start in run.starts.items():
        moved = flatten(run.epochs[name].params)
        assert any((array != moved[place]).any() for place, array in flatten(start).items()), name
    assert run.facts[:4] == (5, 3, ("no", "yes"), (9, 8))
