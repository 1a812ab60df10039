"""Progress is a line every few seconds, and nothing unless it is asked for."""

import numpy_attention as na
from numpy_attention.check.cases.specification import Shape, Specification
from numpy_attention.check.referee import progress
from numpy_attention.check.referee.progress import Ticker
from tests.support.candidates import FEW, simple

SPECS = [Specification(name, Shape(1, 1, 1, 2, 2, 2, 2)) for name in ("one", "two")]


def test_each_case_is_announced(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    lines = []
    assert list(Ticker(lines.append).over(SPECS, iter("ab"))) == ["a", "b"]
    assert lines == ["case 1 of 2: one, 0 s", "case 2 of 2: two, 0 s"]


def test_a_quick_run_says_nothing_and_a_library_call_never_prints(capsys):
    lines = []
    list(Ticker(lines.append).over(SPECS, iter("ab")))
    list(Ticker(None).over(SPECS, iter("ab")))
    assert lines == []
    na.check_candidate(simple, faults=FEW)
    assert capsys.readouterr() == ("", "")


def test_check_candidate_reports_its_cases(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    lines = []
    report = na.check_candidate(simple, faults=FEW, progress=lines.append)
    assert sum(line.startswith("case ") for line in lines) == report.coverage.drawn
