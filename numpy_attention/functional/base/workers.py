"""Units of work shared among threads, with results that do not depend on the number of threads.

NumPy releases the interpreter's lock while it computes, so threads run in parallel. A unit that adds to a sum
shared with other units returns that addition as a function, its `put`; puts run one at a time, in the order
of the units. So every sum is rounded the same way for any number of threads.
"""

import math
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any

import numpy as np

from .admission import Array

Put = Callable[[], None]


class Buffers:
    """Scratch memory of one worker: one array for each name and dtype, allocated once and reused."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, np.dtype[Any]], Array] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array; it overwrites the last one of the same name and dtype."""
        key, size = (name, np.dtype(dtype)), math.prod(shape)
        if key not in self.arrays or self.arrays[key].size < size:
            self.arrays[key] = np.empty(size, dtype=dtype)
        return self.arrays[key][:size].reshape(shape)

    def bytes(self) -> int:
        """Bytes allocated."""
        return sum(array.nbytes for array in self.arrays.values())


MAX_IDLE_BYTES = 2**26
"""Buffers larger than this are freed with their worker; smaller ones wait in _IDLE for the next."""

_IDLE: list[Buffers] = []


class _Queue:
    """Hands out units in order and runs their puts in order; a unit without a put does not wait."""

    def __init__(self, units: Sequence[Any]) -> None:
        self.units, self.taken = units, 0
        self.first_unfinished, self.finished = 0, set[int]()
        self.turn = Condition()
        self.failed: BaseException | None = None

    def take(self) -> int | None:
        with self.turn:
            if self.failed or self.taken == len(self.units):
                return None
            self.taken += 1
            return self.taken - 1

    def finish(self, number: int, put: Put | None) -> None:
        if put is not None:
            with self.turn:
                while self.first_unfinished != number and not self.failed:
                    self.turn.wait()
            if not self.failed:
                put()
        with self.turn:
            self.finished.add(number)
            while self.first_unfinished in self.finished:
                self.first_unfinished += 1
            self.turn.notify_all()

    def fail(self, error: BaseException) -> None:
        with self.turn:
            self.failed = self.failed or error
            self.turn.notify_all()


def run(work: Callable[[Any, Buffers], Put | None], units: Sequence[Any], threads: int) -> None:
    """Call work(unit, buffers) for every unit on `threads` threads, the caller's among them.

    The first exception is raised here once all threads have ended; units not yet begun are dropped.
    """
    queue = _Queue(units)

    def worker() -> None:
        try:
            buffers = _IDLE.pop()
        except IndexError:
            buffers = Buffers()
        try:
            while (number := queue.take()) is not None:
                queue.finish(number, work(units[number], buffers))
        except BaseException as error:
            queue.fail(error)
        finally:
            if buffers.bytes() <= MAX_IDLE_BYTES:
                _IDLE.append(buffers)

    others = [Thread(target=worker, daemon=True) for _ in range(min(threads, len(units)) - 1)]
    try:
        for thread in others:
            thread.start()
        worker()
    except BaseException as error:  # a thread that cannot start, Ctrl-C between two units
        queue.fail(error)
    for thread in others:
        if thread.ident is not None:
            thread.join()
    if queue.failed is not None:
        raise queue.failed
