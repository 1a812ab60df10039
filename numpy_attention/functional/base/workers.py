"""Work that is the same whoever does it: units handed to threads, their results put in place in order.

NumPy lets go of Python's lock while it computes, so that threads compute at once. What a unit adds to sums
that others add to as well, it hands over as a function, `put`; the puts run one at a time and in the order of
the units. So no bit of a sum depends on how many threads there were, or on which was first.
"""

import math
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any

import numpy as np

from .admission import Array

Put = Callable[[], None]


class Buffers:
    """A worker's scratch memory: one array for each name and dtype, allocated once and used again."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, np.dtype[Any]], Array] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array with anything in it; what was had by this name before is overwritten."""
        key, size = (name, np.dtype(dtype)), math.prod(shape)
        if key not in self.arrays or self.arrays[key].size < size:
            self.arrays[key] = np.empty(size, dtype=dtype)
        return self.arrays[key][:size].reshape(shape)

    def bytes(self) -> int:
        """How much memory that is."""
        return sum(array.nbytes for array in self.arrays.values())


KEPT = 2**26
"""Bytes of scratch memory that a worker may leave for the next one."""

_IDLE: list[Buffers] = []
"""That of workers that have ended."""


class _Queue:
    """Whose turn it is: units are taken in order, and put in order; who puts nothing waits for none."""

    def __init__(self, units: Sequence[Any]) -> None:
        self.units, self.taken = units, 0
        self.put, self.over = 0, set[int]()  # the first unit that is not over, and all that are
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
                while self.put != number and not self.failed:
                    self.turn.wait()
            if not self.failed:
                put()
        with self.turn:
            self.over.add(number)
            while self.put in self.over:
                self.put += 1
            self.turn.notify_all()

    def fail(self, error: BaseException) -> None:
        with self.turn:
            self.failed = self.failed or error
            self.turn.notify_all()


def run(work: Callable[[Any, Buffers], Put | None], units: Sequence[Any], threads: int) -> None:
    """work(unit, buffers) for every unit, by so many threads, the caller's being one of them.

    The first exception is raised here, once all threads have ended; units not yet begun are left.
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
            if buffers.bytes() <= KEPT:
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
