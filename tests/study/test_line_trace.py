"""Traced calls: the lines that ran, the local names at return, and the restored trace hook."""

import sys
from functools import partial, wraps

import numpy as np
import pytest

from numpy_attention.study.line_trace import traced, unwrapped


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


def trace_of(function, *args, **kwargs):
    traces = []
    result = traced(function, traces.append)(*args, **kwargs)
    (trace,) = traces
    assert trace.result is result
    return trace


FIRST = chosen.__code__.co_firstlineno


@pytest.mark.parametrize("negative, lines", [(False, {1, 2, 4}), (True, {1, 2, 3, 4})])
def test_the_lines_that_ran_and_no_others(negative, lines):
    trace = trace_of(chosen, 2, negative=negative)
    assert {number - FIRST for number in trace.lines} == lines
    assert trace.local_names == {"x": 2, "negative": negative, "y": -3 if negative else 3}
    assert trace.arguments == {"x": 2, "negative": negative}


@pytest.mark.parametrize(
    "function", [decorated(chosen), partial(chosen), partial(decorated(partial(chosen)))]
)
def test_through_decorators_and_partial(function):
    assert unwrapped(function) is chosen
    assert {number - FIRST for number in trace_of(function, 2).lines} == {1, 2, 4}


def test_a_function_not_written_in_python_has_no_lines():
    trace = trace_of(np.add, 2, 3)
    assert (trace.result, trace.lines, trace.local_names) == (5, frozenset(), {})
    assert list(trace.arguments.values()) == [2, 3]
    assert trace_of(max, 2, 3).arguments == {"argument_0": 2, "argument_1": 3}  # it has no readable signature


def test_the_trace_hook_is_restored():
    events = []

    def spy(frame, event, arg):
        events.append(event)

    before = sys.gettrace()
    sys.settrace(spy)
    try:
        trace_of(chosen, 2)
        with pytest.raises(KeyError):
            traced(raises, events.append)(1)
        assert sys.gettrace() is spy
    finally:
        sys.settrace(before)


def test_nested_calls_keep_the_outer_lines():
    inner = []
    quick = traced(chosen, inner.append)

    def outer(x):
        y = quick(x)
        return quick(y)

    trace = trace_of(outer, 1)
    assert len(inner) == 2
    assert {number - outer.__code__.co_firstlineno for number in trace.lines} == {1, 2}
    assert trace.local_names["y"] == 2
