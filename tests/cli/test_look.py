"""numpy-attention look."""

import json
import shutil

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz
from numpy_attention.study.look import pictures
from tests.support.commands import QUICK, TABLE, out_of, write_own_data

FAST = ["--steps", "4", "--examples", "7"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with a run of digit-bags, and one of a table, whose file is beside it."""
    folder = tmp_path_factory.mktemp("look")
    write_own_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *QUICK, "--heads", "2", "--out", "run"]) == 0
        assert main(["train", *QUICK, *TABLE, "--out", "table"]) == 0
    return folder


@pytest.fixture
def place(kept, tmp_path, monkeypatch):
    """A copy of it, the current folder."""
    folder = tmp_path / "copy"
    shutil.copytree(kept, folder)
    monkeypatch.chdir(folder)
    return folder


def test_an_example_is_looked_at_and_its_numbers_are_written(capsys, place):
    text = out_of(capsys, "look", "--run", "run", "--example", "5", "--json", "a.json", *FAST)
    assert text.startswith("digit-bags, example 5 of 1000: class ")
    assert "The figure is the accuracy of 7 held-out examples: " in text
    assert "\npooling: 1 query, 10 keys; " in text
    assert "from the mean of the training part, 4 steps: " in text
    read = json.loads((place / "a.json").read_text())
    assert np.array(read["places"][0]["weights"]).shape == (2, 1, 10)
    assert read["verdicts"][0].split(",")[0] in text
    again = out_of(capsys, "look", "--run", "run", "--example", "5", *FAST)
    assert again == text
    usual = out_of(capsys, "look", "--run", "run", "--steps", "4")
    assert usual.startswith("digit-bags, example 1 of 1000: ")
    assert "of 64 held-out examples: " in usual


def test_a_run_whose_data_moved_with_it_is_found_and_one_whose_data_are_gone_is_not(capsys, place):
    assert out_of(capsys, "look", "--run", "table", *FAST).startswith("csv, example 1 of 16: class ")
    files = sorted(path.name for path in place.iterdir())
    settings = "t.csv"
    (place / settings).unlink()
    arrays = read_npz(place / "table" / "run.npz")
    text = str(arrays["settings"]).replace(
        str(arrays["settings"]).split('"csv": "')[1].split('"')[0], "/gone/t.csv"
    )
    write_npz(place / "table" / "run.npz", {**arrays, "settings": np.array(text)})
    assert main(["look", "--run", "table", "--json", "a.json"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert "numpy-attention: /gone/t.csv, the data of the run, is not there" in error
    assert sorted(path.name for path in place.iterdir()) == [name for name in files if name != "t.csv"]


def test_pictures_are_drawn_into_a_new_folder(capsys, place, peer):
    peer("matplotlib")
    out_of(capsys, "look", "--run", "run", "--out", "new/pictures", *FAST)
    assert sorted(path.name for path in (place / "new/pictures").iterdir()) == sorted(pictures.FILES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: --run"),
        (["--run", "nothing"], "nothing is not there"),
        (["--run", "t.csv"], "t.csv is not a folder"),
        (["--run", "."], "holds no run: it has no run.npz"),
        (
            ["--run", "run", "--example", "1001"],
            "example is 1001; 1 to 1000 are expected: there are 1000 held-out",
        ),
        (["--run", "run", "--example", "0"], "--example is '0'; a whole number, at least 1, is expected"),
        (["--run", "run", "--steps", "0"], "--steps is '0'; a whole number, at least 1 and at most 4096, is"),
        (
            ["--run", "run", "--steps", "4097"],
            "--steps is '4097'; a whole number, at least 1 and at most 4096",
        ),
        (
            ["--run", "run", "--examples", "few"],
            "--examples is 'few'; a whole number, at least 1, is expected",
        ),
        (
            ["--run", "run", "--position", "3"],
            "position is 3; none is expected: the task digit-bags does not",
        ),
        (["--run", "run", "--json", "run/run.npz"], "run/run.npz is read, and would be overwritten"),
        (["--run", "run", "--json", "no/a.json"], "no/a.json: No such file or directory"),
        (["--run", "run", "--json", "run"], "run: not a regular file"),
    ],
)
def test_wrong_words_get_one_sentence_and_nothing_is_written(capsys, place, words, message):
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert main(["look", *words]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert message in error
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_the_data_of_the_run_are_not_overwritten(capsys, kept, place):
    before = (kept / "t.csv").read_bytes()
    assert main(["look", "--run", "table", "--json", str(kept / "t.csv")]) == 2
    assert "t.csv is read, and would be overwritten" in capsys.readouterr().err
    assert (kept / "t.csv").read_bytes() == before


def test_pictures_without_matplotlib_and_a_file_for_a_folder_are_refused(capsys, place, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["look", "--run", "run", "--out", "new"]) == 2
    assert "--out needs matplotlib: pip install 'numpy_attention[plot]'" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    assert main(["look", "--run", "run", "--out", "t.csv"]) == 2
    assert "t.csv is not a folder" in capsys.readouterr().err
    assert main(["look", "--run", "run", "--json", "run/run.npz", "--out", "new"]) == 2
    assert "run.npz is read, and would be overwritten" in capsys.readouterr().err
    assert not (place / "new").exists()


def test_a_run_of_an_unknown_task_is_refused(capsys, place):
    arrays = read_npz(place / "run" / "run.npz")
    text = str(arrays["settings"]).replace('"digit-bags"', '"digit-boxes"')
    write_npz(place / "run" / "run.npz", {**arrays, "settings": np.array(text)})
    assert main(["look", "--run", "run"]) == 2
    assert "task is 'digit-boxes' (did you mean 'digit-bags'?)" in capsys.readouterr().err
