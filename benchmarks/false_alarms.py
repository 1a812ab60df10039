"""Does the referee let right attentions pass? python -m benchmarks.false_alarms [FILE]

Judges more than two thousand right candidates on all cores, writes the table to FILE
(benchmarks/false_alarms.md), and prints it. A quarter of an hour, much of it JAX's compiler's.
"""

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na
from benchmarks.contenders import machine
from benchmarks.exactness import figure, table
from benchmarks.frameworks import Right, written_by_others
from benchmarks.right import Tiled, programs
from numpy_attention.check.referee.referee import check_candidate
from numpy_attention.files import write_text

TILED, AT_ONCE = 1500, 60
"""Programs in NumPy, and how many of them see the same numbers."""

SEEDS = {"torch": 40, "jax": 16}
"""Of each candidate of PyTorch and JAX."""

LARGE = ("1,4,2,4096,4096,64", "1,2,1,1000,3000,64", "2,3,3,1024,1024,128")
"""B, H, G, L, S, D of the calls that are judged by sampled rows, and by the laws."""


class Tried(NamedTuple):
    """A right candidate, its largest error over bound, and what was said of it."""

    kind: str
    dtype: str
    ratio: float
    outcome: str
    report: str


def tried(kind: str, function: Any, dtype: str, **asked: Any) -> Tried:
    """Judge one; the control is left out, for it says nothing about the candidate."""
    report = check_candidate(function, dtype=dtype, repeat=1, faults=(), **asked)
    ratio = max((verdict.ratio for verdict in report.verdicts), default=float("nan"))
    return Tried(kind, dtype, ratio, report.outcome, str(report) if report.outcome == "FAIL" else "")


def numpy_programs(first: int, last: int) -> Iterator[Tried]:
    """Tile by tile, in NumPy."""
    for program in islice(programs(last), first, last):
        told = "NumPy, tiles" if max(program.rows, program.columns) < 128 else "NumPy, tiles of 128 and more"
        yield tried(told, program, program.kept, mask="visible", causal="bottom_right", seed=first)


def others() -> list[Right]:
    """PyTorch and JAX, as far as they are installed."""
    return list(written_by_others())


def other(place: int, seeds: int) -> Iterator[Tried]:
    """One of them, on numbers of many seeds."""
    right = others()[place]
    for seed in range(seeds):
        yield tried(right.kind, right.function, right.dtype, seed=seed, **right.asked)


def large(lengths: tuple[int, ...]) -> Iterator[Tried]:
    """Long ones: by sampled rows and laws."""
    told = f"L = {lengths[3]}, S = {lengths[4]}"
    for right in others():
        yield tried(f"{right.kind}, {told}", right.function, right.dtype, shape=lengths, **right.asked)
    for kept in ("float32", "bfloat16", "float16", "float64"):
        dtype = "float64" if kept == "float64" else "float32"
        program = Tiled(dtype, kept, 256, 512, "forward", "out", True, False, 0)
        yield tried(f"NumPy, tiles, {told}", program, kept, shape=lengths, causal="bottom_right")


def ours() -> Iterator[Tried]:
    """This package's own, on the full profile."""
    for name in ("attention", "blockwise_attention", "fast_attention"):
        if hasattr(na, f"{name}_forward"):
            pair = getattr(na, f"{name}_forward"), getattr(na, f"{name}_backward")
            for dtype in ("float64", "float32", "float16"):
                yield tried(f"na.{name}, full profile", pair, dtype, profile="full", causal="bottom_right")


def parts() -> Iterator[Any]:
    """What can be done side by side: functions that give what they tried."""
    yield ours
    for first in range(0, TILED, AT_ONCE):
        yield partial(numpy_programs, first, min(first + AT_ONCE, TILED))
    for place, right in enumerate(others()):
        yield partial(other, place, SEEDS[right.kind.replace(".", " ").replace(",", " ").split()[0]])
    for shape in LARGE:
        yield partial(large, tuple(map(int, shape.split(","))))


def done(part: Any) -> list[Tried]:
    """All of a part."""
    return list(part())


def rows_of(found: list[Tried]) -> list[list[str]]:
    """A row for each kind and dtype, and one for all."""
    rows = []
    for key in dict.fromkeys((t.kind, t.dtype) for t in found):
        rows.append([*key, *figures([t for t in found if (t.kind, t.dtype) == key])])
    return [*rows, ["all", "", *figures(found)]]


def figures(found: list[Tried]) -> list[str]:
    """How many, how many alarms, and the largest and the median error over bound."""
    ratios = np.array([t.ratio for t in found])
    alarms = sum(t.outcome == "FAIL" for t in found)
    return [f"{len(found):,}", str(alarms), figure(float(ratios.max())), figure(float(np.median(ratios)))]


TEXT = """\
# False alarms

Made by `python -m benchmarks.false_alarms`, on {machine}.
Right candidates, each judged on the smoke profile, with other numbers time and again; those with a length in
their name at that length, by sampled rows and by the laws. Emulated formats round what such programs keep:
weights, gradients of scores, and results. In half precision "the formula" rounds after every operation, and
is judged as such. The last two columns are of each candidate's largest error over what is allowed: above 1 is
a false alarm, and far below 0.02 would be a bound that is far too wide.
{unfinished}
{table}
"""


UNFINISHED = (
    "The run had not come to its end when this was written: what was still to come is not in the table.\n"
)


def text_of(found: list[Tried], unfinished: str = "") -> str:
    """What is written."""
    head = ["candidates", "dtype", "how many", "false alarms", "largest", "median"]
    rows = rows_of(sorted(found, key=lambda one: one.kind))
    return TEXT.format(machine=machine(), table=table(head, rows), unfinished=unfinished)


def main(path: str = "benchmarks/false_alarms.md") -> None:
    """Judge, write, print."""
    found: list[Tried] = []
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for some in pool.map(done, parts()):
            found += some
            for one in some:
                if one.outcome == "FAIL":
                    print(one.kind, one.dtype, one.report, sep="\n", flush=True)
            write_text(Path(path), text_of(found, UNFINISHED))
    write_text(Path(path), text_of(found))
    print(text_of(found))


if __name__ == "__main__":
    main(*sys.argv[1:2])
