"""Somebody else's code is run, and whatever it does is told."""

import threading
import time
import warnings

from numpy_attention.check.candidate.sandbox import Said, run


def test_a_value_comes_back():
    ran = run(lambda: 3, timeout=10)
    assert (ran.value, ran.told, ran.printed, ran.hung) == (3, "", "", False)


def test_what_is_raised_is_told_with_its_line():
    def broken():
        raise KeyError("a\nb")

    told = run(broken, timeout=10).told
    line = broken.__code__.co_firstlineno + 1
    assert told == f"raises KeyError: 'a\\nb' (test_sandbox.py, line {line})"
    assert run(lambda: exec("raise SystemExit(3)"), timeout=10).told.startswith("raises SystemExit: 3")


def test_a_long_text_is_cut_and_our_own_words_stand_alone():
    def long():
        raise ValueError("x" * 1000)

    def ours():
        raise Said("returns nothing")

    assert len(run(long, timeout=10).told) < 250
    assert run(ours, timeout=10).told == "returns nothing"


def test_what_hangs_is_stopped_and_left():
    begun, stopped = threading.Event(), threading.Event()

    def forever():
        begun.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            stopped.set()

    ran = run(forever, timeout=0.2)
    assert ran.hung
    assert ran.told.startswith("hangs: nothing came back in")
    assert begun.is_set()
    assert stopped.wait(20), "Python code obeys"


def test_printing_is_kept_and_warnings_are_silent(capsys):
    def talks():
        print("hello")
        warnings.warn("careful", stacklevel=1)

    assert run(talks, timeout=10).printed == "hello\n"
    assert capsys.readouterr() == ("", "")
