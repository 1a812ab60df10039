"""Progress is a line every few seconds, and nothing unless it is asked for."""

import numpy_attention as na
from numpy_attention.check.referee import progress
from numpy_attention.check.referee.progress import Ticker
from tests.support.candidates import FEW, simple


def test_a_line_holds_the_text_and_the_time(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    lines = []
    for name in ("one", "two"):
        Ticker(lines.append).tell(name)
    assert lines == ["one, 0 s", "two, 0 s"]


def test_a_quick_run_says_nothing_and_a_library_call_never_prints(capsys):
    lines = []
    Ticker(lines.append).tell("one")
    Ticker(None).tell("one")
    assert lines == []
    na.check_candidate(simple, profile="simple", faults=FEW)
    assert capsys.readouterr() == ("", "")


def test_check_candidate_reports_its_cases(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    lines = []
    report = na.check_candidate(simple, profile="simple", faults=FEW, progress=lines.append)
    assert sum("planting" not in line for line in lines) == report.coverage.drawn
