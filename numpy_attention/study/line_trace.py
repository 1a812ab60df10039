"""Tracing one call of a function: the lines that ran, and its local variables when it returned.

A page shows the code that actually ran, so a changed line or a planted fault appears on it unaided.
"""

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from types import CodeType, FrameType
from typing import Any, NamedTuple


class LineTrace(NamedTuple):
    """One call of a function: its arguments by name, result, executed line numbers, and local variables."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    result: Any
    lines: frozenset[int]
    local_names: dict[str, Any]


def traced(function: Callable[..., Any], record: Callable[[LineTrace], None]) -> Callable[..., Any]:
    """`function`, passing a LineTrace of every call to `record`.

    Parameters
    ----------
    function : any callable; one that is not written in Python runs unchanged, and its trace has no lines.
    record : called with a LineTrace after every call.

    Examples
    --------
    >>> def hypotenuse(a, b):
    ...     squared = a * a + b * b
    ...     return squared**0.5
    >>> traces = []
    >>> traced(hypotenuse, traces.append)(3, 4)
    5.0
    >>> traces[0].arguments, traces[0].local_names["squared"]
    ({'a': 3, 'b': 4}, 25)
    """
    code = getattr(unwrapped(function), "__code__", None)

    def call(*args: Any, **kwargs: Any) -> Any:
        result, lines, local_names = _run_traced(code, partial(function, *args, **kwargs))
        record(LineTrace(function, _by_name(function, args, kwargs), result, lines, local_names))
        return result

    return call


def unwrapped(function: Any) -> Any:
    """The function as written, without partial and decorators."""
    while isinstance(function, partial):
        function = function.func
    inner = getattr(function, "__wrapped__", None)
    return function if inner is None else unwrapped(inner)


def _run_traced(code: CodeType | None, call: Callable[[], Any]) -> tuple[Any, frozenset[int], dict[str, Any]]:
    """The result of `call`, the lines of `code` that ran, and its local variables at return.

    Uses Python's trace hook, and afterwards restores the previous one (a debugger's, coverage's).
    """
    lines: set[int] = set()
    local_names: dict[str, Any] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        elif event == "return":
            local_names.update(frame.f_locals)
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        result = call()
    finally:
        sys.settrace(previous)
    return result, frozenset(lines), local_names


_signature = lru_cache(maxsize=1024)(inspect.signature)


def _by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(_signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # no readable signature: number the arguments
        return {f"argument_{n}": x for n, x in enumerate(args)} | kwargs
