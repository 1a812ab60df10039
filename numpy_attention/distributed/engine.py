"""dask, imported when it is first needed, and its clusters; a sentence where there is none, never a hang."""

import errno
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from ..functional.base.wording import brief

SECONDS = 30.0
"""How long a scheduler or the first worker is waited for."""


def require(name: str) -> ModuleType:
    """The module `name` of dask or distributed; ValueError with the line that installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not installed; write pip install 'numpy_attention[distributed]'"
        ) from None


@contextmanager
def cluster(
    workers: int | None = None, scheduler: str | None = None, *, memory: int | str = "auto",
    seconds: float = SECONDS,
) -> Iterator[Any]:  # fmt: skip
    """A client of a scheduler, with at least one worker, or of `workers` new processes on this machine.

    A new worker has one thread, and BLAS one: as many workers as cores use all of them. `memory` is the limit
    of each, in bytes.

    Raises
    ------
    ConnectionError
        If no scheduler, or no worker, comes in so many seconds.
    """
    distributed = require("distributed")
    with quiet_logs():
        if scheduler is None:
            local = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=memory, dashboard_address=":0"
            )
            with local, distributed.Client(local) as client:
                yield await_workers(client, workers or 1, seconds)
            return
        check_address(scheduler)
        try:
            client = distributed.Client(scheduler, timeout=seconds)
        except OSError:
            reason = f"no scheduler answers within {seconds:g} seconds"
            raise lost(scheduler, f"{reason}; the address that `dask scheduler` prints is expected") from None
        try:
            yield await_workers(client, 1, seconds)
        finally:
            with suppress(Exception):  # of a scheduler that is gone
                client.close(timeout=1)


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Without dask's own lines on stderr: what matters of them becomes the sentence of an error."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def check_address(scheduler: str) -> None:
    """ValueError for what cannot be the address of a scheduler."""
    if not re.fullmatch(r"((tcp|tls|ws|wss)://)?[^:/\s]+:\d{1,5}", scheduler):
        raise ValueError(f"scheduler is {brief(scheduler)}; an address such as tcp://host:8786 is expected")


def await_workers(client: Any, count: int, seconds: float) -> Any:
    """The client, once it has so many workers."""
    try:
        client.wait_for_workers(count, timeout=seconds)
    except TimeoutError:
        address, here = address_of(client), worker_count(client)
        raise lost(
            address,
            f"{here} of {count} workers came within {seconds:g} seconds; start some with "
            f"`dask worker {address}`",
        ) from None
    return client


def results(client: Any, futures: list[Any], seconds: float = SECONDS) -> list[Any]:
    """The results of futures, in their order; raises as `settle` does."""
    settle(client, futures, seconds)
    with sentences(client):
        return list(client.gather(futures))


def settle(client: Any, futures: list[Any], seconds: float = SECONDS) -> None:
    """Wait until all futures are done.

    Raises
    ------
    ConnectionError
        If the scheduler goes away, if there is no worker for so many seconds, or if workers die of a task.
    """
    distributed = require("distributed")
    limit = time.monotonic() + seconds
    while True:
        with sentences(client), suppress(TimeoutError):
            distributed.wait(futures, timeout=min(1.0, seconds))
            return
        if client.status != "running":
            raise lost(address_of(client), "the scheduler went away; start it anew")
        if worker_count(client):
            limit = time.monotonic() + seconds
        elif time.monotonic() > limit:
            raise lost(address_of(client), f"all workers are gone for {seconds:g} seconds; start some anew")


@contextmanager
def sentences(client: Any) -> Iterator[None]:
    """Errors of dask about lost workers and schedulers as one sentence."""
    distributed = require("distributed")
    try:
        yield
    except distributed.KilledWorker as error:
        last = getattr(error.last_worker, "address", "the last")
        raise lost(
            address_of(client),
            f"a task killed one worker after the other, {last} at last; more memory for each, or smaller "
            "chunks, are expected",
        ) from None
    except (distributed.CancelledError, distributed.client.FutureCancelledError):
        raise lost(address_of(client), "the scheduler went away; start it anew") from None


def worker_count(client: Any) -> int:
    """The number of workers that the client knows of."""
    return len(client.scheduler_info(n_workers=-1)["workers"])


def address_of(client: Any) -> str:
    """The scheduler's address."""
    return str(client.scheduler.address if client.scheduler is not None else client)


def lost(address: str, sentence: str) -> ConnectionError:
    """The error of a cluster that cannot be reached."""
    return ConnectionError(errno.ENOTCONN, sentence, address)
