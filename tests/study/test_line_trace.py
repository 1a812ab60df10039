"""Watching: the lines that ran and no others, the names at the end, and nothing left behind."""

import sys
from functools import partial, wraps

import numpy as np
import pytest

from numpy_attention.study.line_trace import original, watched


def chosen(x, *, negative=False):
    y = x + 1
    if negative:
        y = -y
    return y


def raises(x):
    y = x
    raise KeyError(y)


def decorated(function):
    @wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


def run_of(function, *args, **kwargs):
    runs = []
    result = watched(function, runs.append)(*args, **kwargs)
    (run,) = runs
    assert run.result is result
    return run


FIRST = chosen.__code__.co_firstlineno


@pytest.mark.parametrize("negative, lines", [(False, {1, 2, 4}), (True, {1, 2, 3, 4})])
def test_the_lines_that_ran_and_no_others(negative, lines):
    run = run_of(chosen, 2, negative=negative)
    assert {number - FIRST for number in run.lines} == lines
    assert run.names == {"x": 2, "negative": negative, "y": -3 if negative else 3}
    assert run.arguments == {"x": 2, "negative": negative}


@pytest.mark.parametrize(
    "function", [decorated(chosen), partial(chosen), partial(decorated(partial(chosen)))]
)
def test_through_decorators_and_partial(function):
    assert original(function) is chosen
    assert {number - FIRST for number in run_of(function, 2).lines} == {1, 2, 4}


def test_what_is_not_python_runs_as_ever():
    run = run_of(np.add, 2, 3)
    assert (run.result, run.lines, run.names) == (5, frozenset(), {})
    assert list(run.arguments.values()) == [2, 3]
    assert run_of(max, 2, 3).arguments == {"argument_0": 2, "argument_1": 3}  # whose signature cannot be read


def test_the_trace_hook_is_given_back():
    seen = []

    def spy(frame, event, arg):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(spy)
    try:
        run_of(chosen, 2)
        with pytest.raises(KeyError):
            watched(raises, seen.append)(1)
        assert sys.gettrace() is spy
    finally:
        sys.settrace(before)


def test_a_call_inside_a_call_keeps_the_outer_ones_lines():
    inner = []
    quick = watched(chosen, inner.append)

    def outer(x):
        y = quick(x)
        return quick(y)

    run = run_of(outer, 1)
    assert len(inner) == 2
    assert {number - outer.__code__.co_firstlineno for number in run.lines} == {1, 2}
    assert run.names["y"] == 2
