"""Somebody else's code, run: in a thread of its own, with a limit of time, and what it prints kept.

A thread that hangs is told to stop, which Python code obeys at its next line, and is left behind; code that
never comes back from C stays where it is, and the next run goes on without it.
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

LONGEST = 90
"""So many letters of an error are told."""


SLICE = 0.5
"""Seconds that are waited at once: time in which this process itself is stopped does not count."""


class Stopped(BaseException):
    """Raised in a thread whose time is up."""


class Said(Exception):
    """What is wrong with what came back, in words of our own: nothing was raised by the candidate."""


class Ran(NamedTuple):
    """What a call came to: a value, or an error; what it printed; and whether its time was up."""

    value: Any
    error: BaseException | None
    printed: str
    seconds: float
    hung: bool

    @property
    def told(self) -> str:
        """What went wrong, in one line: the error, and the last line of the candidate's own file."""
        if self.hung:
            return f"hangs: nothing came back in {self.seconds:.0f} s"
        if self.error is None:
            return ""
        if isinstance(self.error, Said):
            return str(self.error)
        text = " ".join(str(self.error).split()) or "no text"
        text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        frames = traceback.extract_tb(self.error.__traceback__)
        others = [f for f in frames if Path(__file__).parents[1] not in Path(f.filename).parents]
        own = [f for f in others if "site-packages" not in f.filename] or others
        where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        return f"raises {type(self.error).__name__}: {text}{where}"


def run(function: Callable[[], Any], timeout: float) -> Ran:
    """Call `function`, and say what happened; nothing that it does is raised here.

    Examples
    --------
    >>> run(lambda: 1 / 0, timeout=5).told[:31]
    'raises ZeroDivisionError: divis'
    """
    found: dict[str, Any] = {}

    def work() -> None:
        try:
            found["value"] = function()
        except BaseException as error:
            found["error"] = error

    printed = io.StringIO()
    thread = threading.Thread(target=work, daemon=True)
    began = time.monotonic()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        warnings.simplefilter("ignore")
        thread.start()
        left = timeout
        while thread.is_alive() and left > 0:
            asked = time.monotonic()
            thread.join(min(SLICE, left))
            left -= min(SLICE, time.monotonic() - asked)
    hung = thread.is_alive()
    if hung and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
    seconds = time.monotonic() - began
    return Ran(found.get("value"), found.get("error"), printed.getvalue(), seconds, hung)
