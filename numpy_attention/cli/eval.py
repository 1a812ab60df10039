"""numpy-attention eval: the held-out figures of a run that was kept, to the digit; or another file's."""

import argparse

from ..tasks import TASKS
from ..tasks.run_data import from_sequences, from_table, reload_data
from ..training.report import held_out_lines, prepare_examples
from ..training.run_folder import read_run


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Name the command and its options."""
    parser = subparsers.add_parser(
        "eval",
        help="print the held-out figures of a run that was kept",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", help="what train --out named")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--csv", metavar="FILE", help="a table with the same columns, instead")
    files.add_argument("--npz", metavar="FILE", help="sequences of the same form, instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the run, and the data, and print."""
    kept = read_run(args.folder, TASKS)
    file = args.csv or args.npz
    if file is None:
        lines = held_out_lines(kept, reload_data(kept))
    else:
        read = from_table if args.csv else from_sequences
        lines = held_out_lines(kept, prepare_examples(kept, read(kept, file, labelled=True)), file)
    print(*lines, sep="\n")
    return 0
