"""Every bad input: one sentence that names the file and, where there is one, the line; status 2; no trace."""

import json
import re

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz

GOOD = "age,dose,ill\n" + "".join(f"{i % 7},{i % 5}.5,{'yes' if i % 3 else 'no'}\n" for i in range(60))
QUICK = ["--epochs", "1", "--hidden-dim", "3", "--batch-size", "8"]
CSV = ["train", "--csv", "a.csv", "--label", "ill", "--tokens", "2", *QUICK]
NPZ = ["train", "--npz", "a.npz", *QUICK]
X, Y = np.ones((40, 3, 2)), np.arange(40) % 2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(GOOD)
    return tmp_path


def refused(capsys, words, message):
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("numpy-attention")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert re.search(message, error), error


def replaced(line, text):
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines) + "\n"


TABLES = {
    "empty": ("", "a.csv has no header"),
    "header only": ("age,dose,ill\n", "a.csv has a header and no rows"),
    "ragged": (replaced(5, "1,2"), "a.csv, line 5 has 2 cells, the header has 3"),
    "ragged, too long": (replaced(61, "1,2,no,"), "a.csv, line 61 has 4 cells"),
    "text": (replaced(9, "old,2,no"), "a.csv, line 9, column 'age': 'old' is not a number"),
    "a number to Python alone": (replaced(9, "1_000,2,no"), "line 9, column 'age': '1_000' is not"),
    "a line in a cell": (replaced(3, '"1\n",2,no').replace("4.5", "x", 1), r"line \d+, column 'dose': 'x'"),
    "no label": (replaced(7, "1,2,"), "a.csv, line 7, column 'ill': the label is missing"),
    "one class": (GOOD.replace("yes", "no"), "a.csv: every ill is no; two classes or more are expected"),
    "two columns of one name": (replaced(1, "age,age,ill"), "a.csv, line 1: two columns are called 'age'"),
    "no such label": (
        replaced(1, "age,dose,sick"),
        "a.csv has no column 'ill'; its header has age, dose, sick",
    ),
    "tokens": (
        GOOD.replace("dose,", "dose,a,").replace(".5,", ".5,1,"),
        "3 columns .* 2 tokens evenly; .*: 1, 3$",
    ),
    "a column of nothing": (re.sub(r"\.5|\d(?=,[ny])", "", re.sub(r",\d\.5", ",", GOOD)), "'dose' holds no"),
    "nothing to hold out": ("age,dose,ill\n1,2,no\n3,4,yes\n", "no class has two examples, so none"),
    "too large": (replaced(4, "1e308,2,no").replace("\n3,", "\n-1e308,"), "too large to be normalised"),
    "quotes": (replaced(4, '"1"2,2,no'), "a.csv, line 4: "),
}


@pytest.mark.parametrize("how", TABLES)
def test_tables(capsys, folder, how):
    text, message = TABLES[how]
    (folder / "a.csv").write_text(text)
    refused(capsys, [*CSV, "--out", "run"], message)
    assert not (folder / "run").exists()


def test_a_table_that_is_not_utf8(capsys, folder):
    (folder / "a.csv").write_bytes(b"age,dose,ill\n\xff\xfe,1,no\n")
    refused(capsys, CSV, "a.csv, line 2, character 1 is no text in UTF-8: .* byte 13")


def test_missing_values_are_filled_or_with_strict_refused(capsys, folder):
    (folder / "a.csv").write_text(replaced(6, "?,1,no").replace("\n3,", "\nNA,", 1))
    assert main(CSV) == 0
    out = capsys.readouterr().out
    counts = re.search(r"(\d) training and (\d) held-out values missing; filled", out).groups()
    assert sum(map(int, counts)) == 2
    refused(capsys, [*CSV, "--strict"], "a.csv, line 5, column 'age': the value is missing or infinite")


ARRAYS = {
    "no x": ({"y": Y}, "a.npz has no array 'x'"),
    "no y": ({"x": X}, "a.npz has no array 'y'"),
    "another": ({"x": X, "y": Y, "z": Y}, "a.npz has an array 'z'; x, y and lengths are expected"),
    "x flat": ({"x": X[0], "y": Y}, r"a.npz: x is float64 \(3, 2\); numbers \(N, T, F\)"),
    "x empty": ({"x": X[:, :0], "y": Y}, r"a.npz: x is float64 \(40, 0, 2\)"),
    "x complex": ({"x": X * 1j, "y": Y}, "a.npz: x is complex128"),
    "y short": ({"x": X, "y": Y[:9]}, r"a.npz: y is int64 \(9,\); a label for each of the 40"),
    "y missing": ({"x": X, "y": np.where(Y, 1.0, np.nan)}, r"a.npz: y\[0\] is missing"),
    "one class": ({"x": X, "y": Y * 0}, "a.npz: every y is 0; two classes or more are expected"),
    "lengths": ({"x": X, "y": Y, "lengths": Y + 3}, r"lengths\[1\] is 4; a number from 1 to 3 is expected"),
    "lengths 0": ({"x": X, "y": Y, "lengths": Y}, r"lengths\[0\] is 0; a number from 1 to 3"),
    "lengths short": ({"x": X, "y": Y, "lengths": Y[:5]}, r"lengths is int64 \(5,\)"),
    "lengths not whole": ({"x": X, "y": Y, "lengths": Y + 1.0}, "lengths is float64"),
    "nothing real": ({"x": X * np.nan, "y": Y}, "column 0 of the training data holds no finite value"),
}


@pytest.mark.parametrize("how", ARRAYS)
def test_sequences(capsys, folder, how):
    arrays, message = ARRAYS[how]
    write_npz(folder / "a.npz", arrays)
    refused(capsys, [*NPZ, "--out", "run"], message)
    assert not (folder / "run").exists()


def test_strict_sequences(capsys, folder):
    x = np.random.default_rng(0).normal(size=X.shape)
    x[3, 2, 1] = x[7, 1, 0] = np.nan
    write_npz(folder / "a.npz", {"x": x, "y": Y, "lengths": np.where(np.arange(40) == 3, 2, 3)})
    refused(capsys, [*NPZ, "--strict"], r"a.npz: x\[7, 1, 0\] is missing or infinite; a number is expected")
    assert main(NPZ) == 0


def test_pickled_objects_are_never_loaded(capsys, folder):
    np.savez(folder / "a.npz", x=np.array([print], dtype=object), y=Y)
    refused(capsys, NPZ, "a.npz is not a whole .npz of plain arrays")


def test_missing_files(capsys):
    refused(capsys, [*CSV, "--csv", "gone.csv"], "gone.csv: No such file")
    refused(capsys, NPZ, "a.npz: No such file")
    refused(capsys, ["train", "--config", "gone.json"], "gone.json: No such file")
    refused(capsys, ["train", "--resume", "gone"], "gone is not there")
    refused(capsys, ["train", "--start-from", "gone"], "gone is not there")
    refused(capsys, ["eval", "gone"], "gone is not there")
    refused(capsys, ["predict", "gone", "--csv", "a.csv"], "gone is not there")


CONFIGS = {
    "cut": ('{"lr": 0.1,', r"c.json is not a whole JSON file: .* line 1"),
    "unknown key": ('{\n  "lr": 0.1,\n  "momentum": 0.9\n}', "c.json, line 3: 'momentum' is not a setting"),
    "bad value": ('{\n  "epochs": 0}', "c.json, line 2: epochs is 0; a whole number"),
    "another format": ('{"format": "x"}', "c.json, line 1: 'format' is not a setting"),
}


@pytest.mark.parametrize("how", CONFIGS)
def test_configs(capsys, folder, how):
    text, message = CONFIGS[how]
    (folder / "c.json").write_text(text)
    refused(capsys, ["train", "--config", "c.json"], message)


COMBINATIONS = {
    "--csv a.csv": r"the task csv needs the setting label; write --label \(.*--csv FILE --label COLUMN --tok",
    "--csv a.csv --label ill": "needs the setting tokens; write --tokens",
    "--csv a.csv --npz a.npz": "npz belongs to the tasks digits.* and npz; the task is csv",
    "--task digits --heads 3": "heads is 3; a number that divides hidden_dim, 64",
    "--plot": "--plot needs --out DIR",
    "--resume run --lr 0.1": "--resume uses the settings of the run; leave out --lr",
    "--resume run --out b": "leave out --out",
    "--resume run --config c.json": "leave out --config",
    "--lr 0.1,0.1": "lr is 0.1, 0.1; values that differ are expected",
    "--lr 0.1,": "lr is ''; a finite number above 0",
    "--lr 0.1,0": "lr is 0.0; a finite number above 0",
}


@pytest.mark.parametrize("words", COMBINATIONS)
def test_conflicting_options(capsys, folder, words):
    refused(capsys, ["train", *words.split()], COMBINATIONS[words])
    assert {path.name for path in folder.iterdir()} == {"a.csv"}


@pytest.fixture
def run(folder, capsys):
    assert main([*CSV, "--out", "run"]) == 0
    capsys.readouterr()
    return folder / "run"


OTHER_TABLES = {
    "ill,age\nno,1\n": "b.csv has no column 'dose'; its header has ill, age",
    "age,dose,ill\n1,2,maybe\n": "b.csv, line 2, column 'ill': 'maybe' is not a class; one of no, yes",
    "age,dose,ill\n1,two,no\n": "b.csv, line 2, column 'dose': 'two' is not a number",
    "age,dose\n1,2\n": "b.csv has no column 'ill'",
}


@pytest.mark.parametrize("text", OTHER_TABLES)
def test_eval_of_another_table(capsys, folder, run, text):
    (folder / "b.csv").write_text(text)
    refused(capsys, ["eval", "run", "--csv", "b.csv"], OTHER_TABLES[text])


def test_sequences_of_another_form(capsys, folder, run):
    write_npz(folder / "b.npz", {"x": X, "y": Y})
    refused(capsys, ["eval", "run", "--npz", "b.npz"], "b.npz: x has 3 tokens of 2; 2 of 1, as the run has")
    write_npz(folder / "b.npz", {"x": X[:, :2, :1], "y": Y + 1})
    refused(capsys, ["eval", "run", "--npz", "b.npz"], "b.npz: y holds 1; one of no, yes is expected")


def test_data_that_changed_since(capsys, folder, run):
    (folder / "a.csv").write_text(GOOD + "1,1,no\n")
    for words in (["eval", "run"], ["train", "--resume", "run"]):
        refused(capsys, words, "a.csv has changed since the run was trained on it")


def test_a_damaged_run(capsys, folder, run):
    whole = (run / "run.npz").read_bytes()
    (run / "run.npz").write_bytes(whole[:-9])
    for words in (["eval", "run"], ["train", "--resume", "run"], ["predict", "run", "--csv", "a.csv"]):
        refused(capsys, words, r"run/run.npz is not a whole .npz")
    assert (run / "run.npz").read_bytes() == whole[:-9]


def test_a_start_that_does_not_fit(capsys, folder, run):
    message = (
        r"run, a run of csv, does not fit: its learned.features.weight is \(3, 1\); \(4, 1\) is expected"
    )
    refused(capsys, [*CSV, "--hidden-dim", "4", "--start-from", "run"], message)
    assert json.loads((run / "settings.json").read_text())["hidden_dim"] == 3
    assert read_npz(run / "run.npz")["learned.features.weight"].shape == (3, 1)


def test_a_grid_in_a_folder_that_is_not_empty(capsys, folder, run):
    refused(capsys, [*CSV, "--lr", "0.1,0.2", "--out", "run"], "run is not empty; a grid needs a new folder")


def test_no_matplotlib_no_picture(capsys, folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(capsys, [*CSV, "--plot", "--out", "run"], r"--plot needs matplotlib: pip install")
    assert not (folder / "run").exists()
