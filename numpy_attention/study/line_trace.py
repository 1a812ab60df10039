"""Watching a function run: which of its lines ran, and what its names stood for in the end.

What a page shows of a step is what happened in it, not what somebody wrote down about it: a changed line
or a planted fault shows by itself.
"""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType
from typing import Any, NamedTuple


class Run(NamedTuple):
    """One call of a function: what came in by name, what came out, and what lay between."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    result: Any
    lines: frozenset[int]
    names: dict[str, Any]


def watched(function: Callable[..., Any], keep: Callable[[Run], None]) -> Callable[..., Any]:
    """`function`, which hands every run of itself to `keep`.

    Parameters
    ----------
    function : anything that can be called. What is not written in Python runs as ever, and has no lines.
    keep : called with a Run after every call.

    Examples
    --------
    >>> def hypotenuse(a, b):
    ...     squared = a * a + b * b
    ...     return squared**0.5
    >>> runs = []
    >>> watched(hypotenuse, runs.append)(3, 4)
    5.0
    >>> runs[0].arguments, runs[0].names["squared"]
    ({'a': 3, 'b': 4}, 25)
    """
    code = getattr(original(function), "__code__", None)

    def call(*args: Any, **kwargs: Any) -> Any:
        result, lines, names = _traced(code, partial(function, *args, **kwargs))
        keep(Run(function, _by_name(function, args, kwargs), result, lines, names))
        return result

    return call


def original(function: Any) -> Any:
    """The function that was written, beneath partial and decorators."""
    while isinstance(function, partial):
        function = function.func
    beneath = getattr(function, "__wrapped__", None)
    return function if beneath is None else original(beneath)


def _traced(code: CodeType | None, call: Callable[[], Any]) -> tuple[Any, frozenset[int], dict[str, Any]]:
    """The result of `call`, with the lines of `code` that ran and its names when it returned.

    Python's own trace hook tells them; whoever had it (a debugger, coverage) has it back afterwards.
    """
    lines: set[int] = set()
    names: dict[str, Any] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        elif event == "return":
            names.update(frame.f_locals)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = call()
    finally:
        sys.settrace(before)
    return result, frozenset(lines), names


def _by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # no signature can be read: places instead of names
        return {f"argument_{n}": x for n, x in enumerate(args)} | kwargs
