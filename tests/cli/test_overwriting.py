"""No command that writes overwrites what it reads, under any name: status 2, and every file unchanged."""

import os
import re

import pytest

from numpy_attention.cli import main
from tests.support.commands import QUICK, TABLE, out_of, write_own_data

TRAIN = ["train", *TABLE, *QUICK]
PREDICT = ["predict", "run", "--csv", "t.csv", "--out"]
CHECK = ["check", "kernel.py:attention", "--json"]
COMMANDS = {
    "predict, the table": [*PREDICT, "t.csv"],
    "predict, another path": [*PREDICT, "run/../t.csv"],
    "predict, a link": [*PREDICT, "link.csv"],
    "predict, a hard link": [*PREDICT, "hard.csv"],
    "predict, the table behind a link": ["predict", "run", "--csv", "link.csv", "--out", "t.csv"],
    "predict, sequences": ["predict", "run", "--npz", "s.npz", "--out", "s.npz"],
    "predict, the run": [*PREDICT, "run/run.npz"],
    "predict, a file of the run": [*PREDICT, "run/history.csv"],
    "predict, the run's own table": ["predict", "run", "--csv", "new.csv", "--out", "t.csv"],
    "train, the source": [*TRAIN, "--start-from", "run", "--out", "run"],
    "train, the source behind a link": [*TRAIN, "--start-from", "run", "--out", "runs"],
    "train, the settings": [*TRAIN, "--config", "run/settings.json", "--out", "run"],
    "train, a table in the run": [*TRAIN, "--csv", "run/history.csv", "--label", "epoch", "--out", "run"],
    "check, the candidate": [*CHECK, "kernel.py"],
    "check, a link": [*CHECK, "link.py"],
    "check, the candidate's module": ["check", "kernel_of_mine:attention", "--json", "kernel_of_mine.py"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    write_own_data(tmp_path)
    (tmp_path / "new.csv").write_text((tmp_path / "t.csv").read_text())
    for name in ("kernel.py", "kernel_of_mine.py"):
        (tmp_path / name).write_text("def attention(query, key, value):\n    return query\n")
    out_of(capsys, *TRAIN, "--out", "run")
    for link, place in (("link.csv", "t.csv"), ("link.py", "kernel.py"), ("runs", "run")):
        os.symlink(place, link)
    os.link("t.csv", "hard.csv")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_an_output_that_is_read_is_refused(capsys, folder):
    before = contents(folder)
    for how, words in COMMANDS.items():
        assert main(words) == 2, how
        error = capsys.readouterr().err
        assert re.search(r" is read, and would be overwritten.*; name another place", error), how
        assert contents(folder) == before, how


def test_other_outputs_are_written(capsys, folder):
    out_of(capsys, *PREDICT, "p.csv")
    out_of(capsys, *PREDICT, "p.csv")  # an earlier output is no input
    out_of(capsys, *TRAIN, "--out", "run")
    out_of(capsys, *TRAIN, "--start-from", "run", "--out", "next")
