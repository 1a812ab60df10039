"""numpy-attention eval: print the held-out figures of a kept run, to the digit, or those of another file."""

import argparse

from ..tasks import TASKS
from ..tasks.classification.report import prepare_examples
from ..tasks.run_data import from_file, reload_data
from ..training.run_folder import read_run


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", metavar="DIR", help="the run folder, train's --out")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--csv", metavar="FILE", help="evaluate this table, with the same columns")
    files.add_argument("--npz", metavar="FILE", help="evaluate these sequences, of the same form")
    parser.add_argument("--delimiter", metavar="CHAR", help="with --csv: the separator (default: the run's)")
    parser.add_argument("--decimal", metavar="CHAR", help="with --csv: . or , (default: the run's)")


def run(args: argparse.Namespace) -> int:
    """Print the figures of the run on its own held-out data, or on the given file."""
    kept = read_run(args.folder, TASKS)
    file = args.csv or args.npz
    if file is None and args.delimiter is None and args.decimal is None:
        run, data = reload_data(kept, args.folder)
        lines = run.task.held_out_lines(run, data, run.task.held_out(run, data))
    else:
        examples = from_file(kept, args.csv, args.npz, args.delimiter, args.decimal, labelled=True)
        prepared = prepare_examples(kept, examples)
        lines = kept.task.held_out_lines(kept, prepared, kept.task.held_out(kept, prepared), file)
    print(*lines, sep="\n")
    return 0
