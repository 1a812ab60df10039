"""Run foreign code in a thread with a timeout, and capture what it prints.

A thread that exceeds the timeout receives an exception, which Python code raises at its next line. Code stuck
in C cannot be stopped: its thread is abandoned and the next call starts a new one.
"""

import contextlib
import ctypes
import io
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MESSAGE_LENGTH = 90
"""Characters of an error message that are reported."""

POLL_SECONDS = 0.5
"""Longest single wait: time during which this whole process is suspended does not count."""


class TimedOut(BaseException):
    """Raised in a thread that exceeds its timeout."""


class CandidateError(Exception):
    """The candidate raised nothing, but its result cannot be judged; the message goes into the report."""


class SandboxResult(NamedTuple):
    """Value or error of a call, its printed output, its duration, and True in `hung` after a timeout."""

    value: Any
    error: BaseException | None
    printed: str
    seconds: float
    hung: bool

    @property
    def failure(self) -> str:
        """One line with the error and the candidate's line that raised it; empty after success."""
        if self.hung:
            return f"hangs: no result after {self.seconds:.0f} s"
        if self.error is None:
            return ""
        if isinstance(self.error, CandidateError):
            return str(self.error)
        text = " ".join(str(self.error).split()) or "no message"
        text = text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"
        frames = traceback.extract_tb(self.error.__traceback__)
        foreign = [f for f in frames if Path(__file__).parents[1] not in Path(f.filename).parents]
        own = [f for f in foreign if "site-packages" not in f.filename] or foreign
        where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        return f"raises {type(self.error).__name__}: {text}{where}"


def run_sandboxed(function: Callable[[], Any], timeout: float) -> SandboxResult:
    """Call `function` in a thread; its exceptions are returned, never raised.

    Examples
    --------
    >>> run_sandboxed(lambda: 1 / 0, timeout=5).failure[:31]
    'raises ZeroDivisionError: divis'
    """
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result["value"] = function()
        except BaseException as error:
            result["error"] = error

    printed = io.StringIO()
    thread = threading.Thread(target=work, daemon=True)
    start = time.monotonic()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        warnings.simplefilter("ignore")
        thread.start()
        left = timeout
        while thread.is_alive() and left > 0:
            before = time.monotonic()
            thread.join(min(POLL_SECONDS, left))
            left -= min(POLL_SECONDS, time.monotonic() - before)
    hung = thread.is_alive()
    if hung and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimedOut))
    seconds = time.monotonic() - start
    return SandboxResult(result.get("value"), result.get("error"), printed.getvalue(), seconds, hung)
