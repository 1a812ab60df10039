"""Run foreign code in a thread with a timeout, capture what it prints, and put back what it changes.

A thread that exceeds the timeout receives an exception, which Python code raises at its next line. Code stuck
in C cannot be stopped: its thread is abandoned and the next call starts a new one.
"""

import contextlib
import ctypes
import io
import re
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .process_state import ProcessState

MESSAGE_LENGTH = 100
"""Characters of an error message that are reported."""

PRINTED_CHARACTERS = 10_000
"""Characters of printed output that are kept."""

POLL_SECONDS = 0.5
"""Longest single wait: time during which this whole process is suspended does not count."""


class TimedOut(BaseException):
    """Raised in a thread that exceeds its timeout."""


class CandidateError(Exception):
    """The candidate raised nothing, but its result cannot be judged; the message goes into the report."""


class SandboxResult(NamedTuple):
    """Value or error of a call, its printed output, its duration, and True in `hung` after a timeout.

    changed : what it changed in the process, by phrases such as "changes the working folder".
    """

    value: Any
    error: BaseException | None
    printed: str
    seconds: float
    hung: bool
    changed: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """One line with the error and the candidate's line that raised it; empty after success."""
        if self.hung:
            return f"hangs: no result after {self.seconds:.0f} s"
        if self.error is None:
            return ""
        if isinstance(self.error, CandidateError):
            return str(self.error)
        text = message_of(self.error) or "no message"
        text = re.sub(r", with gufunc signature \S+", "", text)  # the sizes behind it say more
        text = text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"
        frames = traceback.extract_tb(self.error.__traceback__)
        foreign = [f for f in frames if Path(__file__).parents[1] not in Path(f.filename).parents]
        own = [f for f in foreign if "site-packages" not in f.filename] or foreign
        where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        return f"raises {type(self.error).__name__}: {text}{where}"


def message_of(error: BaseException) -> str:
    """The message of an exception in one line, even if reading it raises."""
    try:
        return " ".join(str(error).split())
    except BaseException as second:
        return f"a message that cannot be read ({type(second).__name__})"


class _Printed(io.TextIOBase):
    """Printed text, of which the first PRINTED_CHARACTERS are kept; `buffer` takes bytes."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.count = 0
        self.buffer = _PrintedBytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if (left := PRINTED_CHARACTERS - self.count) > 0:
            self.parts.append(text[:left])
        self.count += len(text)
        return len(text)

    @property
    def text(self) -> str:
        """What is kept, and how much there was."""
        more = f"… ({self.count:,} characters)" if self.count > PRINTED_CHARACTERS else ""
        return "".join(self.parts) + more


class _PrintedBytes(io.RawIOBase):
    def __init__(self, printed: _Printed) -> None:
        self.printed = printed

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.printed.write(bytes(data).decode("utf-8", "replace"))


def run_sandboxed(function: Callable[[], Any], timeout: float) -> SandboxResult:
    """Call `function` in a thread; its exceptions are returned, never raised.

    Examples
    --------
    >>> run_sandboxed(lambda: 1 / 0, timeout=5).failure[:31]
    'raises ZeroDivisionError: divis'
    """
    result: dict[str, Any] = {}

    def work() -> None:
        errors = np.geterr()
        try:
            result["value"] = function()
        except BaseException as error:
            result["error"] = error
        result["errstate"] = np.geterr() != errors  # of this thread alone: it ends here

    printed = _Printed()
    thread = threading.Thread(target=work, daemon=True)
    start = time.monotonic()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = ProcessState()
        thread.start()
        left = timeout
        while thread.is_alive() and left > 0:
            before = time.monotonic()
            thread.join(min(POLL_SECONDS, left))
            left -= min(POLL_SECONDS, time.monotonic() - before)
        changed = state.restore()
    hung = thread.is_alive()
    if hung and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimedOut))
    changed += ("changes numpy's errstate",) if result.get("errstate") else ()
    seconds = time.monotonic() - start
    return SandboxResult(result.get("value"), result.get("error"), printed.text, seconds, hung, changed)
