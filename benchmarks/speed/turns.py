"""Timing two sides in turn, A B A B …, in one process, with the ratio taken pair by pair."""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

IDLE, AT_MOST = 0.01, 0.5
"""Seconds for which this process must be idle before each turn, and the longest wait for that. After a
product or
a parallel region, idle threads of OpenBLAS (for 100 ms) and of OpenMP keep spinning and would take processor
time from the next side: up to 30 %."""

SHORT = 0.02
"""Shortest turn in seconds: shorter calls are repeated. If either side's call is shorter, each turn begins
with
an untimed call."""

QUICK_BUDGET, BUDGET = 0.3, 1.0
"""Seconds after which a comparison ends, once it has the least number of pairs."""


class SpeedComparison(NamedTuple):
    """Two calls that do the same work; results are compared relative to the largest number of each array.

    If `theirs` is None, ours is timed alone; if `ours` is None too, the peer is left out for the reason
    `left_out`. With `flops` (ours, theirs) the ratio is that of the rates. Without a tolerance results are
    not compared.
    """

    row: str
    peer: str
    ours: Callable[[], Any] | None
    theirs: Callable[[], Any] | None
    tolerance: float | None = None
    flops: tuple[float, float] | None = None
    pairs: tuple[int, int] = (3, 9)
    left_out: str = ""


def left_out(row: str, peer: str, reason: str) -> SpeedComparison:
    """A comparison without measurement."""
    return SpeedComparison(row, peer, None, None, left_out=reason)


def time_comparison(comparison: SpeedComparison, quick: bool) -> dict[str, Any]:
    """The measured row, ready for JSON; if results differ, that is reported and nothing is timed."""
    row: dict[str, Any] = {"row": comparison.row, "peer": comparison.peer}
    if comparison.ours is None:
        return row | {"left_out": comparison.left_out}
    if comparison.theirs is None:
        comparison.ours()
        return row | {"ours": [turn(comparison.ours, 1, warm=False) for _ in range(comparison.pairs[0])]}
    results = comparison.ours(), comparison.theirs()  # the warm-up
    if comparison.tolerance is not None:
        error = difference(*results)
        row |= {"difference": error, "tolerance": comparison.tolerance}
        if not error <= comparison.tolerance:
            return row | {"differ": f"differs by {error:.1e}; the tolerance is {comparison.tolerance:.1e}"}
    del results
    pairs = (3, 5) if quick else comparison.pairs
    seconds = list(in_turn(comparison.ours, comparison.theirs, pairs, QUICK_BUDGET if quick else BUDGET))
    work, their_work = comparison.flops or (1.0, 1.0)
    if comparison.flops is None:
        ratios = [ours / theirs for ours, theirs in seconds]
    else:
        ratios = [work / ours * theirs / their_work for ours, theirs in seconds]
        row["rate"] = [work / ours / 1e9 for ours, _ in seconds]
        row["their_rate"] = [their_work / theirs / 1e9 for _, theirs in seconds]
    return row | {
        "ours": [ours for ours, _ in seconds],
        "theirs": [theirs for _, theirs in seconds],
        "ratios": ratios,
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)},
    }


def in_turn(
    ours: Callable[[], Any], theirs: Callable[[], Any], pairs: tuple[int, int], budget: float
) -> Iterator[tuple[float, float]]:
    """(seconds of ours, of theirs) until the budget is spent, for between pairs[0] and pairs[1] pairs."""
    calls = [calls_of(ours), calls_of(theirs)]
    warm = max(calls) > 1
    start = time.perf_counter()
    for number in range(pairs[1]):
        if number >= pairs[0] and time.perf_counter() - start > budget:
            return
        yield turn(ours, calls[0], warm), turn(theirs, calls[1], warm)


def calls_of(call: Callable[[], Any]) -> int:
    """The number of calls in a turn."""
    rest()
    start = time.perf_counter()
    call()
    return max(1, math.ceil(SHORT / (time.perf_counter() - start)))


def rest() -> None:
    """Sleep until all threads of this process are idle."""
    start = time.perf_counter()
    while time.perf_counter() - start < AT_MOST:
        before = time.process_time()
        time.sleep(IDLE)
        if time.process_time() - before < IDLE / 20:
            return


def turn(call: Callable[[], Any], calls: int, warm: bool) -> float:
    """Seconds per call, averaged over `calls` consecutive calls, after an untimed one if `warm`."""
    rest()
    if warm:
        call()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference between two results, relative to the largest number of each array."""
    pairs = list(zip(arrays(ours), arrays(theirs), strict=True))
    errors = [np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-300) for a, b in pairs]
    return float(np.max(errors))  # NaN if any is NaN


def arrays(result: Any) -> list[np.ndarray]:
    """The arrays of a result, from any library."""
    if isinstance(result, dict):
        return [x for name in sorted(result) for x in arrays(result[name])]
    if isinstance(result, tuple | list):
        return [x for each in result for x in arrays(each)]
    detached = result.detach() if hasattr(result, "detach") else result
    return [np.asarray(detached, dtype=np.float64)]


# ---------------------------------------------------------------------------------- load of others


class OtherLoad:
    """Processor time that other processes used since its creation, by Linux's counters; None elsewhere."""

    def __init__(self) -> None:
        self.start = self._now()

    def others(self) -> float | None:
        """The others' share of all processors' time."""
        now = self._now()
        if now is None or self.start is None or now[0] <= self.start[0]:
            return None
        total, busy, own = (b - a for a, b in zip(self.start, now, strict=True))
        return max(0.0, (busy - own) / total)

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        user, nice, system, idle, waits, irq, soft, stolen, *_ = map(
            int, stat.read_text().splitlines()[0].split()[1:]
        )
        busy = (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")
        waiting = (idle + waits) / os.sysconf("SC_CLK_TCK")
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return busy + waiting, busy, own
