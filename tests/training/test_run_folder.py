"""The run folder: runs are read back unchanged; foreign and damaged files are refused by name."""

import json
import os
import pickle

import numpy as np
import pytest

from numpy_attention.files import read_npz, write_npz
from numpy_attention.nn.token_scores import SCORES
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS
from numpy_attention.training import run_folder
from numpy_attention.training.folder_lock import only_writer
from numpy_attention.training.settings import OPTIMIZER_NAMES
from tests.support.runs import a_run, begin, settings_of, some_data


@pytest.fixture
def folder(tmp_path):
    run_folder.save_run(tmp_path / "run", a_run())
    return tmp_path / "run"


def same_run(one, other):
    ours, theirs = run_folder.to_arrays(one), run_folder.to_arrays(other)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    assert one.objectives() == other.objectives()


@pytest.mark.parametrize("score", SCORES)
def test_a_saved_run_is_read_back_unchanged(tmp_path, score):
    run = a_run(2, score=score, temperature="learned")
    run_folder.save_run(tmp_path, run)
    same_run(run_folder.read_run(tmp_path, TASKS), run)


@pytest.mark.parametrize("task", ["digits", "breast-cancer", "npz"])
@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
def test_every_model_with_every_optimizer_is_read_back_unchanged(tmp_path, monkeypatch, task, optimizer):
    npz = "a.npz" if task == "npz" else None
    settings = settings_of(task, optimizer=optimizer, npz=npz)
    data = some_data(("a", "b", "c"))
    (tmp_path / "a.npz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    run = begin(settings, data)
    run = run._replace(history=({"epoch": 1.0, "loss": 0.5, "accuracy": 1.0, "uniform_loss": 0.75,
                                 "logistic_loss": 0.25},))  # fmt: skip
    run_folder.save_run(tmp_path / "run", run)
    same_run(run_folder.read_run(tmp_path / "run", TASKS), run)


def test_files_and_their_contents(folder):
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


def test_nan_is_an_empty_cell_of_the_history(folder):
    run = a_run()
    row = {**run.history[0], "focus.pooling": np.nan}
    run_folder.save_run(folder, run._replace(history=(row,)))
    assert (folder / "history.csv").read_text().splitlines()[1].split(",")[4] == ""
    assert np.isnan(run_folder.read_run(folder, TASKS).history[0]["focus.pooling"])


def test_an_epoch_of_an_earlier_version_has_fewer_columns_and_stays_readable(folder):
    run = a_run(2)
    first = {name: x for name, x in run.history[0].items() if not name.startswith("moved_in_epoch.")}
    run_folder.save_run(folder, run._replace(history=(first, run.history[1])))
    kept = run_folder.read_run(folder, TASKS).history
    assert list(kept[0]) == list(kept[1])
    assert np.isnan(kept[0]["moved_in_epoch.features.weight"])
    assert (folder / "history.csv").read_text().splitlines()[1].endswith(",,,")


def test_run_npz_is_complete_if_the_text_files_fail(folder, monkeypatch):
    later = a_run(2)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(run_folder, "write_json", full)
    with pytest.raises(OSError, match="disk full"):
        run_folder.save_run(folder, later)
    same_run(run_folder.read_run(folder, TASKS), later)


def test_new_empty_and_run_folders_are_accepted(tmp_path, folder):
    assert run_folder.check_folder(tmp_path / "new" / "er", TASKS) == tmp_path / "new" / "er"
    (tmp_path / "empty").mkdir()
    assert run_folder.check_folder(tmp_path / "empty", TASKS) == tmp_path / "empty"
    assert run_folder.check_folder(folder, TASKS) == folder
    assert not (tmp_path / "new").exists()


def test_temporary_files_of_killed_writers_are_removed(folder):
    (folder / ".0123456789abcdef.part").write_bytes(b"half")
    (folder / ".mine.part").write_bytes(b"whole")
    run_folder.check_folder(folder, TASKS)  # another training may be writing
    assert (folder / ".0123456789abcdef.part").exists()
    with only_writer(folder):
        pass
    assert {file.name for file in folder.iterdir() if file.name.startswith(".")} == {".mine.part"}


def test_folders_with_other_contents_are_refused(tmp_path):
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
            run_folder.check_folder(tmp_path / name, TASKS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ValueError, match="locked may not be written to"):
        run_folder.check_folder(tmp_path / "locked" / "run", TASKS)


def spoil(folder, **arrays):
    kept = {**read_npz(folder / "run.npz"), **arrays}
    write_npz(folder / "run.npz", {name: array for name, array in kept.items() if array is not None})


def words(folder, name, **changes):
    given = json.loads(str(read_npz(folder / "run.npz")[name]))
    spoil(folder, **{name: np.array(json.dumps(given | changes))})


def as_text(folder, name, was, now):
    return np.array(str(read_npz(folder / "run.npz")[name]).replace(was, now))


def columns(folder):
    return read_npz(folder / "run.npz")["history.columns"].tolist()


def record(folder, name, value):
    """Spoil one number of the second epoch."""
    rows = read_npz(folder / "run.npz")["history.rows"]
    rows[1, columns(folder).index(name)] = float(value)
    spoil(folder, **{"history.rows": rows})


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
    "lr NaN": (lambda d: words(d, "settings", lr=float("nan")), "settings is not whole: NaN is not a"),
    "lr infinite": (
        lambda d: spoil(d, settings=as_text(d, "settings", '"lr": 0.001', '"lr": 1e999')),
        "lr is inf",
    ),
    "a key twice": (
        lambda d: spoil(d, settings=as_text(d, "settings", '"heads"', '"lr": 1.0, "heads"')),
        "settings is not whole: the key 'lr' occurs twice",
    ),
    "a long key": (lambda d: words(d, "settings", **{"k" * 60_000: 1}), "kkk…kkk.* is not a setting"),
    "a long array name": (lambda d: spoil(d, **{"k" * 60_000: np.ones(1)}), "kkk…kkk.* that does not belong"),
    "classes twice": (lambda d: words(d, "facts", classes=["a", "a"]), "facts .*: classes is"),
    "counts": (lambda d: words(d, "facts", counts=[9, -8]), r"facts .*: counts is \[9, -8\]"),
    "steps": (
        lambda d: spoil(d, **{"optimizer.learned.step": np.array(-1)}),
        "step is -1; a number of steps",
    ),
    **{
        f"{name} {value}": (
            lambda d, name=name, value=value: record(d, name, value),
            f"{name} in row 2 of the history is {value}; .* expected",
        )
        for name, values in {
            "epoch": ("nan", "inf", "-2.0", "1.0", "3.0", "1.5"),
            "loss": ("nan", "inf", "-0.5"),
            "uniform_loss": ("nan",),
            "accuracy": ("nan", "1.5"),
        }.items()
        for value in values
    },
    "fewer epochs set": (lambda d: words(d, "settings", epochs=1), "history has 2 epochs; at most 1 are"),
    "a column twice": (
        lambda d: spoil(d, **{"history.columns": np.array(columns(d)[:-1] + ["loss"])}),
        "names a column twice",
    ),
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
    run_folder.save_run(folder, a_run(2))
    damage(folder)
    with pytest.raises(ValueError, match=told) as refused:
        run_folder.read_run(folder, TASKS)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 700


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="gone is not there"):
        run_folder.read_run(tmp_path / "gone", TASKS)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is not a folder"):
        run_folder.read_run(tmp_path / "file", TASKS)


def test_initial_parameters_are_saved(folder):
    run = run_folder.read_run(folder, TASKS)
    for name, start in run.starts.items():
        moved = flatten(run.epochs[name].params)
        assert any((array != moved[place]).any() for place, array in flatten(start).items()), name
    assert run.facts[:4] == (5, 3, ("no", "yes"), (9, 8))
