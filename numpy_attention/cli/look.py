"""numpy-attention look: what one may read off the attention of a kept run, with its counter-tests.

For an example of the held-out part: the maps of every head, rollout, gradient x attention, integrated
gradients; and beside each map what becomes of the answer and of the task's figure when its weights are
permuted, uniform or removed, and how far another map with the same output is. Where a map does not explain, a
sentence says so.
"""

import argparse
from pathlib import Path

from ..files import refuse_overwriting, writable_folder, write_json
from ..study.look import pictures
from ..study.look.lines import report_lines
from ..study.look.looked import look
from ..study.look.numbers import numbers
from ..tasks import TASKS
from ..tasks.run_data import reload_data
from ..training.pictures import require_matplotlib
from ..training.run_folder import own_files, read_run
from .numbers import whole_number
from .outputs import writable_file

EXAMPLES = 64
MOST_STEPS = 4096
"""Gauss-Legendre points beyond that take longer to find than the gradients there."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add = parser.add_argument
    add("--run", dest="folder", metavar="DIR", required=True, help="the run folder, train's --out")
    add("--example", type=whole_number(1), default=1, metavar="N", help="of the held-out part (default: 1)")
    add(
        "--position",
        type=whole_number(1),
        metavar="N",
        help="with a model that predicts every symbol: which one (default: the middle one of those judged)",
    )
    add(
        "--steps",
        type=whole_number(1, MOST_STEPS),
        metavar="N",
        help="of the integrated gradients (default: 32, doubled until the error is below 1 %%, 1024 at most)",
    )
    add(
        "--examples",
        type=whole_number(1),
        default=EXAMPLES,
        metavar="N",
        help=f"held-out examples of the task's figure, evenly spread (default: {EXAMPLES})",
    )
    add("--out", metavar="DIR", help="draw the maps and the tokens there, as PNG and SVG")
    add("--json", metavar="FILE", help="write all numbers to FILE")


def run(args: argparse.Namespace) -> int:
    """Look at the example, write what is asked for, and print the report."""
    outputs: list[Path] = [] if args.json is None else [writable_file(args.json)]
    if args.out is not None:
        require_matplotlib("--out")
        outputs += [writable_folder(args.out) / file for file in pictures.FILES]
    run, data = reload_data(read_run(args.folder, TASKS), args.folder)
    refuse_overwriting(outputs, (run.settings.data_file, *own_files(args.folder)))
    looked = look(run, data, args.example, args.position, args.steps, args.examples)
    if args.json is not None:
        write_json(args.json, numbers(looked))
    if args.out is not None:
        pictures.draw(Path(args.out), looked)
    print(*report_lines(looked), sep="\n")
    return 0
