"""How often the first line names the mistake: python -m benchmarks.diagnosis [FILE]

Judges wrong kernels of other hands than the planted faults', and writes the table to FILE
(benchmarks/diagnosis.md). Runs in a checkout, for the wrong kernels are part of the tests; torch's are left
out where it is not installed. Eleven minutes of processor time.
"""

import multiprocessing
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.contenders import _installed, machine
from benchmarks.exactness import table
from numpy_attention.files import write_text
from tests.support.naming import (
    DTYPES,
    Named,
    conditional_mistakes,
    diagnosed,
    kernels,
    planted_mistakes,
    scaled_mistakes,
)

CONDITIONAL = 25
"""Conditional mistakes of each kernel in each dtype; a fifth of them need two conditions."""

SLOW = "NumPy, loops"
"""Too slow for the larger cases."""

TEXT = """\
# How often the first line names the mistake

Made by `python -m benchmarks.diagnosis`, on {machine}.

No kernel here shares a line with the steps in which the package plants its faults: einsum with a backward
by hand, plain loops, tiles with a running maximum, torch by autograd and with a backward by hand
(`tests/support`). Judged on the simple cases, on smoke where those do not show the mistake. "Right": the
first name is the mistake's, or one with equal numbers in the judged cases; for a constant besides a fault,
both; for a conditional mistake (a tensor times 1.5, or a planted fault, where a condition of the table
holds), the condition. "Not seen": PASS in this dtype, so nothing to name. Right kernels get no name. Time: of
the diagnosis over that of the check without it, of all candidates in the row together, and the largest.

{table}

Shares of the mistakes that were seen: {shares}.
{missed}"""


def planted(kind: str, dtype: str) -> list[Named]:
    """A kernel's mistakes."""
    named = list(planted_mistakes(kind, dtype, _installed("torch")))
    return [each._replace(kind=f"{kind}: planted faults") for each in named]


def right(kind: str, dtype: str) -> list[Named]:
    """The right kernel."""
    kernel, _ = kernels(_installed("torch"))[kind]
    profiles = ("simple",) if kind == SLOW else ("simple", "smoke")
    named = (diagnosed(kind, dtype, "", kernel(""), profile) for profile in profiles)
    return [each._replace(kind="right kernels") for each in named]


def scaled(kind: str, dtype: str) -> list[Named]:
    """A fault and a constant."""
    return [each._replace(kind=f"{kind}: a fault and a constant") for each in scaled_mistakes(kind, dtype)]


def conditional(kind: str, dtype: str) -> list[Named]:
    """Conditional mistakes."""
    named = conditional_mistakes(kind, dtype, CONDITIONAL, _installed("torch"))
    return [each._replace(kind=re.sub(", (one|two) ", r": \1 ", each.kind)) for each in named]


def parts() -> Iterator[Callable[[], list[Named]]]:
    """Functions that can run in parallel."""
    kinds = list(kernels(_installed("torch")))
    for make in (planted, right):
        yield from (partial(make, kind, dtype) for kind in kinds for dtype in DTYPES)
    yield from (partial(scaled, kinds[0], dtype) for dtype in DTYPES)
    for kind in kinds:
        if kind not in (SLOW, "torch, backward by hand"):
            yield from (partial(conditional, kind, dtype) for dtype in DTYPES)


def run_part(part: Callable[[], list[Named]]) -> list[Named]:
    """The diagnoses of a part."""
    return part()


def rows_of(named: list[Named]) -> list[list[str]]:
    """A row for each kind and dtype."""
    rows = []
    for kind, dtype in sorted({(each.kind, each.dtype) for each in named}):
        some = [each for each in named if (each.kind, each.dtype) == (kind, dtype)]
        count = Counter(each.outcome for each in some)
        seen = [each for each in some if each.outcome != "passed"]
        times = [each.diagnosis_seconds / each.check_seconds for each in seen]
        total = sum(e.diagnosis_seconds for e in seen) / sum(e.check_seconds for e in seen) if seen else 0.0
        figures = [f"{total:.2f}", f"{max(times):.2f}"] if seen else ["–", "–"]
        outcomes = [str(count[outcome]) for outcome in ("right", "other", "none", "passed")]
        rows.append([kind, dtype, str(len(some)), *outcomes, *figures])
    return rows


def share(named: list[Named], word: str) -> str:
    """The share of right names in the rows of a kind."""
    some = [each for each in named if word in each.kind and each.outcome != "passed"]
    hit = sum(each.outcome == "right" for each in some)
    return f"{word} {hit} of {len(some)} ({100 * hit / max(len(some), 1):.1f} %)"


def text_of(named: list[Named]) -> str:
    """The page."""
    head = ["kernels", "dtype", "how many", "right", "other name", "no name", "not seen", "time", "largest"]
    words = ("planted faults", "a fault and a constant", "one condition", "two conditions")
    missed = [e for e in named if e.outcome in ("other", "none")]
    lines = [f" - {e.kind}, {e.dtype}, {e.mistake}: {e.text.replace('|', '/')}" for e in missed]
    told = "\n".join(["", "## What was not named", "", *lines, ""]) if lines else ""
    shares = "; ".join(share(named, word) for word in words)
    return TEXT.format(machine=machine(), table=table(head, rows_of(named)), shares=shares, missed=told)


def main(path: str = "benchmarks/diagnosis.md") -> None:
    """Judge, write, print."""
    named: list[Named] = []
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for some in pool.map(run_part, parts()):
            named += some
            print(*{(each.kind, each.dtype) for each in some}, flush=True)
            write_text(path, text_of(named))
    print(text_of(named))


if __name__ == "__main__":
    main(*sys.argv[1:2])
