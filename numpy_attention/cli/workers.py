"""The options --workers and --scheduler: processes of dask that share the work of a command."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ..distributed.engine import check_address, cluster, require, worker_count
from ..distributed.training import on_workers
from ..training.loop import Compute
from ..training.settings import Settings
from .numbers import whole_number

MOST = 1000


def add_worker_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --workers and --scheduler."""
    add = parser.add_argument
    count = whole_number(least=1, most=MOST)
    add("--workers", type=count, metavar="N", help=f"share the work among N processes of dask: {what}")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="share it among the workers of a dask scheduler, tcp://host:8786",
    )


def check_worker_options(args: argparse.Namespace) -> None:
    """Raise ValueError for both options together, an address that is none, or where dask is not installed."""
    if args.workers is not None and args.scheduler is not None:
        raise ValueError(
            f"--workers is {args.workers} and --scheduler {args.scheduler}; one of them is expected"
        )
    if args.workers is not None or args.scheduler is not None:
        require("distributed")
    if args.scheduler is not None:
        check_address(args.scheduler)


@contextmanager
def shared(args: argparse.Namespace) -> Iterator[tuple[Compute | None, int | None]]:
    """By what the parts of a batch are computed, and the number of workers; None for this process alone."""
    if args.workers is None and args.scheduler is None:
        yield None, None
        return
    with cluster(args.workers, args.scheduler) as client:
        count = worker_count(client)
        print(f"{count} worker{'s' * (count != 1)} of dask, with one part of a batch at a time", flush=True)
        yield on_workers(client), count


def in_parts(settings: Settings, workers: int | None) -> Settings:
    """The settings with a part of each batch for every worker, unless they say how many parts."""
    return settings if settings.accumulate or not workers else settings._replace(accumulate=workers)


def check_parts(args: argparse.Namespace, settings: Settings) -> None:
    """Raise ValueError if workers are to go on with a run whose batches have one part."""
    if (args.workers is not None or args.scheduler is not None) and not settings.accumulate:
        raise ValueError(
            f"the batches of {args.resume} have one part each, which workers cannot share; a run that was "
            "started with --workers, --scheduler or --accumulate is expected"
        )
