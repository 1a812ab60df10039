"""Ctrl-C that waits for a good moment: the first one asks to stop, the second one stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether Ctrl-C was pressed."""

    asked = False


@contextmanager
def ctrl_c() -> Iterator[Stop]:
    """Until the end of the block, the first Ctrl-C is noted in what this yields, and does nothing else.

    Where somebody else handles Ctrl-C, or this is not the main thread, nothing is changed.
    """
    stop = Stop()

    def note(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
