"""Threads for products of matrices, BLAS limited to one thread meanwhile by threadpoolctl, if installed."""

import os
from functools import cache
from threading import Lock
from typing import Any

from .workers import Work, run, run_in_pool


@cache
def blas_libraries() -> list[Any]:
    """threadpoolctl's controllers of the BLAS libraries; none without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _limit(library: Any, threads: int) -> None:
    """Set a library's number of threads, though threadpoolctl ignores all threads but the one that began."""
    let_any_thread_set = getattr(library, "clear_controlling_thread", lambda force: None)
    let_any_thread_set(force=True)
    library.set_num_threads(threads)
    let_any_thread_set(force=True)


class SingleThreadedBlas:
    """Context manager: BLAS uses one thread. The limit is process-wide, so its users are counted.

    The threads of the pool alone enter it. No signal is handled there, so none can come in between.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        self.usual: list[int] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.usual = [library.get_num_threads() for library in blas_libraries()]
            self.users += 1
            for library in blas_libraries():
                _limit(library, 1)  # by each thread: under OpenMP the limit is a thread's own

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self._restore()

    def _restore(self) -> None:
        for library, threads in zip(blas_libraries(), self.usual, strict=True):
            _limit(library, threads)

    def threads(self) -> int:
        """The number of threads that BLAS uses without the limit."""
        usual = self.usual if self.users else [library.get_num_threads() for library in blas_libraries()]
        return max(usual, default=1)

    def leave_all(self) -> None:
        """In a forked child: the threads that entered do not exist there."""
        self.lock = Lock()
        if self.users:
            self.users = 0
            self._restore()


BLAS = SingleThreadedBlas()

getattr(os, "register_at_fork", dict)(after_in_child=BLAS.leave_all)  # Windows does not fork


def run_threaded(work: Work, units: list[Any], threads: int | None) -> None:
    """Run all units on `threads` threads (None: as many as BLAS uses), each with one thread of BLAS.

    Without threadpoolctl the calling thread runs all units, and BLAS threads the matrix products.
    """
    if not blas_libraries():
        return run(work, units, 1)
    run_in_pool(work, units, BLAS.threads() if threads is None else threads, BLAS)
