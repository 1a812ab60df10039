"""A candidate given by its address is judged in a child process, and cannot take the report with it."""

import os

import pytest

import numpy_attention as na
from numpy_attention.check.candidate import child_process
from numpy_attention.check.candidate.loading import load
from numpy_attention.check.referee.supervised import CheckFailed, check_in_child

KERNELS = """
import os, sys
import numpy as np
from numpy_attention import attention_backward, attention_forward

calls = []

def right(query, key, value, *, d_out):
    out, saved = attention_forward(query, key, value)
    return out, attention_backward(d_out, saved)[:3]

def leaves_later(query, key, value, *, d_out):
    calls.append(None)
    if query.shape[-2] > key.shape[-2] > 5:
        os._exit(0)
    return right(query, key, value, d_out=d_out)

def fails(candidate, timeout):
    return 1 / 0

def leaves(query, key, value):
    os._exit(0)

def interrupts(query, key, value):
    import _thread, time
    _thread.interrupt_main()
    time.sleep(5)

def forks(query, key, value, *, d_out):
    if not calls and os.fork() == 0:
        os._exit(0)
    calls.append(None)
    return right(query, key, value, d_out=d_out)
"""


@pytest.fixture
def kernels(tmp_path):
    path = tmp_path / "kernels_of_a_child.py"
    path.write_text(KERNELS, encoding="utf-8")
    return f"{path}:"


def test_the_report_of_a_child_is_that_of_this_process(kernels):
    options = {"supports": (), "faults": (), "forward_only": True, "profile": "simple"}
    report = na.check_candidate(f"{kernels}right", head_dims=iter([8]), **options)
    here = na.check_candidate(load(f"{kernels}right"), head_dims=[8], **options)
    assert report.verdicts
    assert report.verdicts == here.verdicts


def test_a_process_that_exits_fails_in_the_case_that_it_exits_in(kernels):
    report = na.check_candidate(f"{kernels}leaves", name="mine")
    assert (report.name, report.outcome, report.status) == ("mine", "FAIL", 1)
    assert report.reason == "ends the process with status 0 (a first call)"


def test_an_interrupt_of_its_own_is_not_ours(kernels, interruptible):
    report = na.check_candidate(f"{kernels}interrupts")
    assert report.reason == "raises KeyboardInterrupt in the main thread (a first call)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.slow
def test_a_fork_is_noted(kernels):
    report = na.check_candidate(f"{kernels}forks", faults=())
    assert "forks the process" in report.notes


@pytest.mark.parametrize(
    "code, outcome, reason",
    [
        ("os._exit(0)", "FAIL", "ends the process with status 0 (its import)"),
        ("sys.exit()", "FAIL", "cannot be imported: SystemExit:  (line 2) (its import)"),
        ("raise KeyboardInterrupt", "FAIL", "raises KeyboardInterrupt in the main thread (its import)"),
        pytest.param(
            "while True: pass",
            "FAIL",
            "hangs: the process gives no sign of life for 2 s (its import)",
            marks=pytest.mark.slow,
        ),
        ("raise MemoryError", "NOT JUDGED", "memory ran out"),
    ],
)
def test_an_import_that_does_not_end_well(tmp_path, monkeypatch, code, outcome, reason):
    monkeypatch.setattr(child_process, "FIRST_MESSAGE", 2.0 if "while" in code else 60.0)
    (tmp_path / "importing.py").write_text(f"import os, sys\n{code}\n", encoding="utf-8")
    report = na.check_candidate(f"{tmp_path / 'importing.py'}:attention")
    assert report.outcome == outcome
    assert report.reason.startswith(reason)


@pytest.mark.parametrize(
    "name, options, error, message",
    [
        ("right", {"dtype": "int8"}, ValueError, "dtype is 'int8'"),
        ("wrong", {}, ValueError, "has no wrong"),
        ("KERNELS.right", {}, ValueError, "has no KERNELS.right"),
        ("calls", {}, TypeError, "the candidate is list"),
    ],
)
@pytest.mark.slow
def test_wrong_usage_raises_as_in_this_process(kernels, name, options, error, message):
    with pytest.raises(error, match=message):
        na.check_candidate(f"{kernels}{name}", **options)


def test_a_missing_file_is_refused_before_a_process_starts(monkeypatch):
    monkeypatch.setattr(child_process, "_start", None)
    with pytest.raises(FileNotFoundError):
        na.check_candidate("no_such_file.py:attention")


def test_an_error_of_the_check_itself_is_not_the_candidates(kernels):
    options = {"timeout": 60.0}
    with pytest.raises(CheckFailed, match=r"the check itself failed \(a first call\):\ndivision by zero"):
        check_in_child(f"{kernels}right", options, judge=f"{kernels}fails")
