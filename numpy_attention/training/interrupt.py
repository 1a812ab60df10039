"""Ctrl-C that waits for the end of an epoch: the first one requests a stop, the second one stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """`requested` becomes True with the first Ctrl-C."""

    requested = False


@contextmanager
def deferred_interrupt() -> Iterator[StopRequest]:
    """Within the block, the first Ctrl-C only sets `requested`; the second raises KeyboardInterrupt.

    Outside the main thread, or where another handler for Ctrl-C is installed, nothing is changed.
    """
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
