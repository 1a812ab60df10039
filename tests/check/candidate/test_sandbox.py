"""Foreign code runs in a thread: values, errors, timeouts and output come back."""

import threading
import time
import warnings

import numpy as np

from numpy_attention.check.candidate.sandbox import CandidateError, run_sandboxed


def test_value_is_returned():
    ran = run_sandboxed(lambda: 3, timeout=10)
    assert (ran.value, ran.failure, ran.printed, ran.hung) == (3, "", "", False)


def test_exception_is_described_with_its_line():
    def broken():
        raise KeyError("a\nb")

    failure = run_sandboxed(broken, timeout=10).failure
    line = broken.__code__.co_firstlineno + 1
    assert failure == f"raises KeyError: 'a\\nb' (test_sandbox.py, line {line})"
    assert run_sandboxed(lambda: exec("raise SystemExit(3)"), timeout=10).failure.startswith(
        "raises SystemExit: 3"
    )


def test_long_messages_are_cut_and_candidate_errors_stand_alone():
    def long():
        raise ValueError("x" * 1000)

    def ours():
        raise CandidateError("returns nothing")

    assert len(run_sandboxed(long, timeout=10).failure) < 250
    assert run_sandboxed(ours, timeout=10).failure == "returns nothing"


def test_a_hanging_call_is_stopped_after_the_timeout():
    begun, stopped = threading.Event(), threading.Event()

    def forever():
        begun.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            stopped.set()

    ran = run_sandboxed(forever, timeout=0.2)
    assert ran.hung
    assert ran.failure.startswith("hangs: no result after")
    assert begun.is_set()
    assert stopped.wait(20), "Python code obeys"


def test_printing_is_captured_and_warnings_are_silent(capsys):
    def talks():
        print("hello")
        warnings.warn("careful", stacklevel=1)

    assert run_sandboxed(talks, timeout=10).printed == "hello\n"
    assert capsys.readouterr() == ("", "")


def test_a_message_of_matmul_keeps_its_sizes():
    failure = run_sandboxed(lambda: np.ones((2, 3)) @ np.ones((2, 3)), 5).failure
    assert "(size 2 is different from 3)" in failure
    assert "gufunc" not in failure
