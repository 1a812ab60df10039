"""numpy-attention explain --html: the page as a file, and what is refused before any work."""

import os

import pytest

import numpy_attention as na
from numpy_attention.cli import main
from numpy_attention.study.web import explanation
from tests.support.commands import QUICK, out_of, write_own_data


@pytest.fixture
def few_faults(monkeypatch):
    """Plant three mistakes instead of all."""
    from numpy_attention.check.faults import fault

    planted = [fault(name) for name in ("scale-missing", "no-row-sum", "d-value-untransposed")]
    monkeypatch.setattr(explanation, "FAULTS", planted)


def test_the_file_is_that_of_na_explain(capsys, tmp_path, few_faults):
    file = tmp_path / "page.html"
    assert (
        out_of(capsys, "explain", "--softcap", "2", "--html", str(file))
        == f"{file}: {file.stat().st_size:,} bytes\n"
    )
    assert file.read_text(encoding="utf-8") == na.explain(softcap=2.0).html


def test_a_planted_mistake_is_opened(capsys, tmp_path, few_faults):
    out_of(capsys, "explain", "--break", "no-row-sum", "--html", str(tmp_path / "page.html"))
    assert '"start":"e=causal&m=break&f=no-row-sum"' in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_run_is_added(capsys, tmp_path, monkeypatch, few_faults):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    out_of(capsys, "train", "--csv", "t.csv", "--label", "kind", "--tokens", "2", *QUICK, "--out", "run")
    out_of(capsys, "explain", "--html", "page.html", "--run", "run")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<h2 id="run">A run: csv, 3 epochs</h2>' in text
    assert len(text.encode()) <= 2**20


@pytest.mark.parametrize(
    "words, message",
    [
        (["--run", "run"], "--run belongs to --html FILE"),
        (["--html", "no/such/page.html"], "/no/such is not a folder, so no/such/page.html cannot be written"),
        (["--html", "."], ". is a folder"),
        (["--html", ""], "--html is empty; the name of a file is expected"),
        (["--html", "mine.json", "--tokens", "mine.json"], "mine.json is read, and would be overwritten"),
        (["--html", "page.html", "--run", "nowhere"], "nowhere is not there"),
        (["--html", "page.html", "--run", "."], "holds no run"),
        (["--html"], "--html"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text("[[1, 2]]")
    assert main(["explain", *words]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert message in error
    assert os.listdir(tmp_path) == ["mine.json"]
