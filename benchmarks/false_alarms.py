"""False alarms of the referee on correct attentions: python -m benchmarks.false_alarms [FILE]

Judges more than two thousand correct candidates on all cores, writes the table to FILE
(benchmarks/false_alarms.md), and prints it. Half an hour of one core, a part of it in JAX's compiler.
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
from benchmarks.correct_programs import TiledProgram, programs
from benchmarks.exactness import figure, table
from benchmarks.frameworks import CorrectCandidate, framework_candidates
from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.referee.referee import check_candidate
from numpy_attention.files import write_text

PROGRAMS, PER_SEED = {"simple": 1500, "smoke": 60}, 30
"""Number of programs in NumPy judged on each profile, and of programs judged on the same numbers."""

SEEDS = {("torch", "simple"): 40, ("jax", "simple"): 8, ("torch", "smoke"): 2}
"""Seeds per candidate in PyTorch and JAX, on each profile."""

LARGE = ("1,4,2,4096,4096,64", "1,2,1,1000,3000,64", "2,3,3,1024,1024,128")
"""B, H, G, L, S, D of the calls judged by sampled rows and by the laws."""


class JudgedCandidate(NamedTuple):
    """A correct candidate, its largest error over bound, and the referee's conclusion."""

    kind: str
    profile: str
    dtype: str
    ratio: float
    outcome: str
    report: str


def judge(kind: str, function: Any, dtype: str, **options: Any) -> JudgedCandidate:
    """Judge one candidate, without the control, which does not depend on it."""
    report = check_candidate(function, dtype=dtype, repeat=1, faults=(), **options)
    ratio = max((verdict.ratio for verdict in report.verdicts), default=float("nan"))
    text = str(report) if report.outcome == "FAIL" else ""
    profile = "–" if "shape" in options else options.get("profile", "smoke")
    return JudgedCandidate(kind, profile, dtype, ratio, report.outcome, text)


def numpy_programs(first: int, last: int, profile: str = "smoke") -> Iterator[JudgedCandidate]:
    """Judge programs in NumPy that work tile by tile."""
    for program in islice(programs(last), first, last):
        kind = "NumPy, tiles" if max(program.rows, program.columns) < 128 else "NumPy, tiles of 128 and more"
        options = dict(mask="visible", causal="bottom_right", seed=first, profile=profile,
                       framework=emulating(program.kept))  # fmt: skip
        yield judge(kind, program, program.kept, **options)


def in_frameworks() -> list[CorrectCandidate]:
    """Correct candidates of PyTorch and JAX, if installed."""
    return list(framework_candidates())


def judge_framework(place: int, seeds: int, profile: str) -> Iterator[JudgedCandidate]:
    """Judge one of them on many seeds."""
    kind, function, dtype, options = in_frameworks()[place]
    for seed in range(seeds):
        yield judge(kind, function, dtype, seed=seed, profile=profile, **options)


def large(lengths: tuple[int, ...]) -> Iterator[JudgedCandidate]:
    """Judge long calls by sampled rows and laws."""
    size = f"L = {lengths[3]}, S = {lengths[4]}"
    for each in in_frameworks():
        yield judge(f"{each.kind}, {size}", each.function, each.dtype, shape=lengths, **each.options)
    for kept in ("float32", "bfloat16", "float16", "float64"):
        dtype = "float64" if kept == "float64" else "float32"
        program = TiledProgram(dtype, kept, 256, 512, "forward", "out", True, False, 0)
        yield judge(f"NumPy, tiles, {size}", program, kept, shape=lengths, causal="bottom_right")


def ours() -> Iterator[JudgedCandidate]:
    """Judge this package's attentions; the slow tests judge them on full."""
    for name in ("attention", "blockwise_attention", "fast_attention"):
        pair = getattr(na, f"{name}_forward"), getattr(na, f"{name}_backward")
        for dtype in ("float64", "float32", "float16"):
            yield judge(f"na.{name}", pair, dtype, causal="bottom_right")


def parts() -> Iterator[Any]:
    """Functions that can run in parallel, each yielding judged candidates."""
    for profile, count in PROGRAMS.items():
        for first in range(0, count, PER_SEED):
            yield partial(numpy_programs, first, min(first + PER_SEED, count), profile)
    yield ours
    for (library, profile), seeds in SEEDS.items():
        for place, each in enumerate(in_frameworks()):
            if each.kind.startswith(library):
                yield partial(judge_framework, place, seeds, profile)
    for shape in LARGE:
        yield partial(large, tuple(map(int, shape.split(","))))


def run_part(part: Any) -> list[JudgedCandidate]:
    """All judged candidates of a part."""
    return list(part())


def rows_of(judged: list[JudgedCandidate]) -> list[list[str]]:
    """A row for each kind and dtype, and one for all candidates."""
    rows = []
    for key in dict.fromkeys(t[:3] for t in judged):
        rows.append([*key, *figures([t for t in judged if t[:3] == key])])
    return [*rows, ["all", "", "", *figures(judged)]]


def figures(judged: list[JudgedCandidate]) -> list[str]:
    """The count, the number of alarms, the largest and the median error over bound."""
    ratios = np.array([t.ratio for t in judged])
    alarms = sum(t.outcome == "FAIL" for t in judged)
    return [f"{len(judged):,}", str(alarms), figure(float(ratios.max())), figure(float(np.median(ratios)))]


TEXT = """\
# False alarms

Made by `python -m benchmarks.false_alarms`, on {machine}.
Correct candidates, judged with many seeds, most of them on the profile "simple", which has each option alone
and all together; those with a length in their name at that length, by sampled rows and by the laws. In
emulated formats the NumPy programs round what they store: weights, gradients of scores, and results. In half
precision "the formula" rounds after every operation, and is judged accordingly. The last two columns
summarise each candidate's largest error over its tolerance: above 1 is a false alarm, far below 0.02 a
tolerance that is far too wide.
{unfinished}
{table}
"""


UNFINISHED = "The run was not complete when this was written; the missing candidates are not in the table.\n"


def text_of(judged: list[JudgedCandidate], unfinished: str = "") -> str:
    """The page."""
    head = ["candidates", "profile", "dtype", "how many", "false alarms", "largest", "median"]
    rows = rows_of(sorted(judged, key=lambda one: one[:2]))
    return TEXT.format(machine=machine(), table=table(head, rows), unfinished=unfinished)


def main(path: str = "benchmarks/false_alarms.md") -> None:
    """Judge, write, print."""
    judged: list[JudgedCandidate] = []
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for some in pool.map(run_part, parts()):
            judged += some
            for one in some:
                if one.outcome == "FAIL":
                    print(one.kind, one.dtype, one.report, sep="\n", flush=True)
            write_text(Path(path), text_of(judged, UNFINISHED))
    write_text(Path(path), text_of(judged))
    print(text_of(judged))


if __name__ == "__main__":
    main(*sys.argv[1:2])
