"""Units of work shared among threads, with results that do not depend on the number of threads.

NumPy releases the interpreter's lock while it computes, so threads run in parallel. The threads of a pool run
the units, and the caller waits. Python raises KeyboardInterrupt in the main thread only, so Ctrl-C never
interrupts a unit, nor the code around the units: the caller tells the threads to stop, waits until their
current operation is done, and raises.
"""

import math
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any

import numpy as np

from .admission import Array

IDLE_BYTES = 2**26
"""Most bytes of scratch memory that all idle threads keep together."""


class Stopped(BaseException):
    """Ends a unit whose caller was interrupted, or beside which another one failed."""


class Buffers:
    """Scratch memory of one thread: one array for each name and dtype, allocated once and reused."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, Any], Array] = {}
        self.job: Job | None = None

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array; it overwrites the last one of the same name and dtype."""
        if self.job is not None and self.job.failed is not None:
            raise Stopped
        size, array = math.prod(shape), self.arrays.get((name, dtype))
        if array is None or array.size < size:
            array = self.arrays[name, dtype] = np.empty(size, dtype=dtype)
        return array[:size].reshape(shape)

    def bytes(self) -> int:
        """Bytes allocated."""
        return sum(array.nbytes for array in self.arrays.values())


class _Fresh(Buffers):
    """New memory at each call: for arrays so small that to keep some costs more."""

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.empty(shape, dtype)


FRESH = _Fresh()

Work = Callable[[Any, Buffers], None]


class Job:
    """Units that the threads of the pool take in order, until none is left or one has failed."""

    def __init__(self, work: Work, units: Sequence[Any], inside: AbstractContextManager[Any]) -> None:
        self.work, self.units, self.inside = work, units, inside
        self.lock, self.over = Lock(), Lock()
        self.taken = self.running = 0
        self.failed: BaseException | None = None
        self.over.acquire()

    def wait(self) -> None:
        """Return when the last thread has left.

        Again and again for a moment: a signal that comes just before a wait does not end it.
        """
        while not self.over.acquire(timeout=0.05):
            pass

    def serve(self, buffers: Buffers) -> None:
        """Run units on this thread; the last thread to leave releases `over`."""
        with self.lock:
            if self.finished():
                return
            self.running += 1
        try:
            with self.inside:
                while (number := self.take()) is not None:
                    self.work(self.units[number], buffers)
        except BaseException as error:
            self.stop(error)
        with self.lock:
            self.running -= 1
            if not self.running and self.finished():
                self.over.release()

    def finished(self) -> bool:
        """True where no unit is left to begin."""
        return self.failed is not None or self.taken == len(self.units)

    def take(self) -> int | None:
        """The number of the next unit, or None."""
        with self.lock:
            if self.finished():
                return None
            self.taken += 1
            return self.taken - 1

    def stop(self, error: BaseException) -> bool:
        """Let no further unit begin, and those at work end soon; True if there are any."""
        with self.lock:
            self.failed = self.failed or error
            return self.running > 0


class Pool:
    """Threads that wait for jobs, as many as were ever asked for at once."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        self.lock = Lock()
        self.threads: list[Thread] = []
        self.idle_bytes: dict[Thread, int] = {}

    def submit(self, job: Job, threads: int) -> None:
        """Offer a job to this many threads. Takes no lock, which an interrupt might leave locked."""
        while len(self.threads) < threads:
            thread = Thread(target=self._serve, daemon=True, name=f"numpy_attention {len(self.threads)}")
            thread.start()
            self.threads.append(thread)
        for _ in range(threads):
            self.jobs.put(job)

    def _serve(self) -> None:
        buffers = Buffers()
        while True:
            buffers.job = self.jobs.get()
            with self.lock:
                self.idle_bytes.pop(current_thread(), None)
            buffers.job.serve(buffers)
            buffers.job = None  # the thread waits for long: it must keep no array alive
            with self.lock:
                if sum(self.idle_bytes.values()) + buffers.bytes() > IDLE_BYTES:
                    buffers.arrays.clear()
                self.idle_bytes[current_thread()] = buffers.bytes()


_pool = Pool()

_idle: list[Buffers] = []
"""Scratch memory for the next caller that runs its units itself: one set at most."""


def _forget_threads() -> None:
    """In a forked child: the parent's threads do not exist there, and its locks may be held for ever."""
    global _pool
    _pool = Pool()


getattr(os, "register_at_fork", dict)(after_in_child=_forget_threads)  # Windows does not fork


def default_threads() -> int:
    """The number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def run(work: Work, units: Sequence[Any], threads: int) -> None:
    """Call work(unit, buffers) for every unit, on `threads` threads; by the caller itself if that is one.

    The first exception is raised here once no thread is at work; units not yet begun are dropped.
    """
    threads = min(threads, len(units))
    if threads > 1 and current_thread() not in _pool.threads:
        return run_in_pool(work, units, threads)
    buffers = _idle.pop() if _idle else Buffers()
    for unit in units:
        work(unit, buffers)
    if buffers.bytes() <= IDLE_BYTES // 8:
        _idle[:] = [buffers]


def run_in_pool(
    work: Work, units: Sequence[Any], threads: int, inside: AbstractContextManager[Any] | None = None
) -> None:
    """`run`, never on the calling thread; each thread enters the context `inside` meanwhile."""
    if not units:
        return
    job = Job(work, units, nullcontext() if inside is None else inside)
    try:
        _pool.submit(job, min(threads, len(units)))
        job.wait()
    except BaseException as error:
        if job.stop(error):
            job.wait()
        raise
    if job.failed is not None:
        raise job.failed
