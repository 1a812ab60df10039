"""Findings and reports: what passes, what is worst, how they print."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.pairs.report import Finding, Report, beside
from tests.support.small_pair import X, Y, backward, forward

RIGHT, LIMIT = Finding("a check", "d_x", 0.0), Finding("a check", "d_y", 1.0)
WRONG, NAN = Finding("another", "d_x", 2.5, "[3]"), Finding("another", "d_y", np.nan)


def test_a_ratio_of_one_passes_and_nan_fails() -> None:
    assert [finding.ok for finding in (RIGHT, LIMIT, WRONG, NAN)] == [True, True, False, False]


def test_nan_is_worse_than_any_number() -> None:
    report = Report("pair", (WRONG, NAN, RIGHT))
    assert report.worst is NAN
    assert report.failures == (WRONG, NAN)
    assert not report
    assert Report("pair", (RIGHT, LIMIT)).ok


def test_lines_name_verdict_gradient_ratio_and_place() -> None:
    assert str(WRONG) == "FAIL d_x             2.50e+00  another: [3]"
    assert str(RIGHT) == "ok   d_x             0.00e+00  a check"


def test_long_lines_are_wrapped_beside_their_label() -> None:
    where = "every axis of length 7 cut to 1, " * 6
    lines = str(Finding("lengths 0 and 1, wherever forward accepts them", "d_x", 2.0, where)).splitlines()
    assert max(map(len, lines)) <= 100
    assert {line[:31] for line in lines[1:]} == {" " * 31}
    assert beside("label  ", "") == "label  "
    report = Report("a name", (), ("constants",) * 30, ("law 3: needs a reason " * 9,))
    assert max(map(len, str(report).splitlines())) <= 100


def test_undecided_checks_and_constants_are_listed() -> None:
    lines = str(Report("pair", (RIGHT,), ("mask",), ("law 3: needs d_key",))).split("\n")
    assert lines[0] == "pair: ok, 1 checks (held fixed: mask)"
    assert lines[2] == "-    undecided                 law 3: needs d_key"


def test_the_report_prints_as_a_table() -> None:
    text = str(na.check_vjp(forward, backward, (X, Y)))
    assert text.startswith("forward: ok, ")
    assert "d_x" in text
