"""numpy-attention scale: time attention on dask workers, beside fast_attention on this machine."""

import argparse
import os

from ..distributed.engine import cluster, require
from ..distributed.scaling import ScaleProblem, measure, table, write
from ..files import writable_folder
from ..training.pictures import require_matplotlib
from .numbers import whole_number
from .workers import add_worker_options, check_worker_options

FILES = ("scale.csv", "scale.md", "scale.png", "scale.svg")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add, count = parser.add_argument, whole_number(least=1, most=10**7)
    add_worker_options(parser, "1, 2, 4, … up to N (default: the number of processors)")
    add("--length", type=count, default=4096, metavar="L", help="queries and keys (default: 4096)")
    add("--chunk", type=count, default=1024, metavar="N", help="queries and keys of a tile (default: 1024)")
    add("--heads", type=count, default=4, metavar="N", help="heads (default: 4)")
    add("--causal", action="store_true", help="under a causal mask")
    add("--out", default="scale", metavar="DIR", help="the folder of table and plot (default: scale)")


def run(args: argparse.Namespace) -> int:
    """Measure strong and weak scaling; print the table, and write it with a plot."""
    check_worker_options(args)
    require("distributed")
    require_matplotlib("the plot of scale")
    out = writable_folder(args.out)
    work = ScaleProblem(args.length, args.chunk, args.heads, causal=args.causal)
    rows = []
    if args.scheduler is not None:
        with cluster(scheduler=args.scheduler) as client:
            rows.append(measure(client, work))
    else:
        most = args.workers or os.cpu_count() or 1
        for workers in sorted({*(2**n for n in range(most.bit_length())), most}):
            with cluster(workers) as client:
                rows.append(measure(client, work))
                rows.append(measure(client, work._replace(heads=work.heads * workers), "weak"))
    print(*table(rows), sep="\n")
    write(out, rows)
    print(f"\nWrote {', '.join(FILES)} to {args.out}")
    return 0
