"""Threads of `fast_attention`, with BLAS limited to one thread meanwhile by threadpoolctl, if installed."""

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

from ..base.workers import run


@cache
def blas_controller() -> Any:
    """threadpoolctl's controller of BLAS, or None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


class SingleThreadedBlas:
    """Context manager: BLAS uses one thread. The limit is process-wide, so its users are counted."""

    def __init__(self) -> None:
        self.lock, self.users, self.threads = Lock(), 0, 1
        self.limit: Any = None

    def __enter__(self) -> int:
        """The number of threads that BLAS uses without the limit."""
        with self.lock:
            if not self.users:
                controller = blas_controller()
                self.threads = max((pool["num_threads"] for pool in controller.info()), default=1)
                self.limit = controller.limit(limits=1)
            self.users += 1
            return self.threads

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.limit.restore_original_limits()


BLAS = SingleThreadedBlas()


def run_threaded(work: Callable[..., Any], units: list[Any], threads: int | None) -> None:
    """`base.workers.run` on `threads` threads (None: as many as BLAS uses), each with one thread of BLAS.

    Without threadpoolctl the calling thread runs all units, and BLAS threads the matrix products.
    """
    if blas_controller() is None:
        return run(work, units, 1)
    with BLAS as usual:
        return run(work, units, usual if threads is None else threads)
