"""Somebody else's code is run, and whatever it does is told."""

import threading
import time
import warnings

from numpy_attention.check.candidate.sandbox import CandidateError, run_sandboxed


def test_a_value_comes_back():
    ran = run_sandboxed(lambda: 3, timeout=10)
    assert (ran.value, ran.failure, ran.printed, ran.hung) == (3, "", "", False)


def test_what_is_raised_is_told_with_its_line():
    def broken():
        raise KeyError("a\nb")

    told = run_sandboxed(broken, timeout=10).failure
    line = broken.__code__.co_firstlineno + 1
    assert told == f"raises KeyError: 'a\\nb' (test_sandbox.py, line {line})"
    assert run_sandboxed(lambda: exec("raise SystemExit(3)"), timeout=10).failure.startswith(
        "raises SystemExit: 3"
    )


def test_a_long_text_is_cut_and_our_own_words_stand_alone():
    def long():
        raise ValueError("x" * 1000)

    def ours():
        raise CandidateError("returns nothing")

    assert len(run_sandboxed(long, timeout=10).failure) < 250
    assert run_sandboxed(ours, timeout=10).failure == "returns nothing"


def test_what_hangs_is_stopped_and_left():
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


def test_printing_is_kept_and_warnings_are_silent(capsys):
    def talks():
        print("hello")
        warnings.warn("careful", stacklevel=1)

    assert run_sandboxed(talks, timeout=10).printed == "hello\n"
    assert capsys.readouterr() == ("", "")
