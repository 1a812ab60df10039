"""Forgetting: the figure on the data of the run that training started from, before and after."""

import re
import shutil

import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.forgetting import forgetting_lines
from numpy_attention.training.run_folder import read_run
from tests.support.commands import QUICK, TABLE, out_of, write_own_data

SOURCE = ["train", *TABLE, *QUICK, "--lr", "0.05", "--out", "source"]
NEXT = ["train", *TABLE, *QUICK, "--lr", "0.05", "--seed", "1", "--start-from", "source"]


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    out_of(capsys, *SOURCE)
    return tmp_path


def accuracy(text):
    return re.search(r"^location scores +\S+ +(\S+)$", text, re.MULTILINE)[1]


def test_it_is_the_figure_of_the_source_and_that_of_the_new_parameters_on_its_data(capsys, folder):
    before = accuracy(out_of(capsys, "eval", "source"))
    out = out_of(capsys, *NEXT, "--out", "next")
    line = re.search(
        r"^Forgetting: held-out accuracy on the data of source, (\S+) before this training, (\S+) after it$",
        out,
        re.M,
    )
    assert line[1] == before
    arrays, others = read_npz("next/run.npz"), read_npz("source/run.npz")
    new = {n: arrays[n] if n.startswith("learned.") else x for n, x in others.items()}
    shutil.copytree("source", "swapped")
    write_npz("swapped/run.npz", new)  # the new parameters, with the data and the normalisation of the source
    assert accuracy(out_of(capsys, "eval", "swapped")) == line[2]


def test_the_same_data_are_not_forgotten_and_lines_say_why_nothing_was_measured(capsys, folder):
    assert "Forgetting" not in out_of(capsys, *NEXT, "--seed", "0", "--out", "same")
    assert forgetting_lines(read_run("same", TASKS)) == []
    assert forgetting_lines(read_run("source", TASKS)) == []
    assert main([*NEXT, "--out", "next"]) == 0
    shutil.rmtree("source")
    (line,) = forgetting_lines(read_run("next", TASKS))
    assert line.startswith("Forgetting was not measured: ")
    assert line.endswith("source is not there")
