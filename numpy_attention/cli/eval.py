"""numpy-attention eval: the held-out figures of a run that was kept, to the digit."""

import argparse

from numpy_attention.tasks import load, runs
from numpy_attention.tasks.report import held_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Name the command and its options."""
    parser = subparsers.add_parser(
        "eval",
        help="print the held-out figures of a run that was kept",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", help="what train --out named")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the run, draw its held-out part again, and print."""
    kept = runs.read(args.folder)
    data = load(kept.settings.task, seed=kept.settings.seed, normalisation=kept.normalisation)
    print(*held_out(kept, data), sep="\n")
    return 0
