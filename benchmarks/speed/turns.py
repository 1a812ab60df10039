"""Two sides in turn, A B A B …, in one process; the ratio is taken pair by pair."""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

IDLE, AT_MOST = 0.01, 0.5
"""Seconds that this process must have done nothing before each turn, and how long that is waited for. When a
product or a parallel region is over, idle threads of OpenBLAS (for 100 ms) and of OpenMP go on spinning, and
would take the processors from whoever is next: 30 % were lost so."""

SHORT = 0.02
"""A turn of a call shorter than this lasts for so long at least; and where either side's is shorter, both
begin with one that is not timed."""

QUICK_BUDGET, BUDGET = 0.3, 1.0
"""Seconds after which a duel ends, once it has the least number of pairs."""


class Duel(NamedTuple):
    """Two calls that do the same work. Results are compared, all to the largest number of each array.

    Without theirs it is ours alone; without ours too, a peer that is left out, for the reason that `left_out`
    says. `flops` (ours, theirs), where a rate is asked for: the ratio is then that of the rates. Without a
    tolerance the two do not give the same, and are not compared.
    """

    row: str
    peer: str
    ours: Callable[[], Any] | None
    theirs: Callable[[], Any] | None
    tolerance: float | None = None
    flops: tuple[float, float] | None = None
    pairs: tuple[int, int] = (3, 9)
    left_out: str = ""


def left_out(row: str, peer: str, reason: str) -> Duel:
    """A peer that has no turn."""
    return Duel(row, peer, None, None, left_out=reason)


def fought(duel: Duel, quick: bool) -> dict[str, Any]:
    """What a duel gave, ready for JSON; results that differ are said and not timed."""
    told: dict[str, Any] = {"row": duel.row, "peer": duel.peer}
    if duel.ours is None:
        return told | {"left_out": duel.left_out}
    if duel.theirs is None:
        duel.ours()
        return told | {"ours": [turn(duel.ours, 1, warm=False) for _ in range(duel.pairs[0])]}
    results = duel.ours(), duel.theirs()  # the warm-up
    if duel.tolerance is not None:
        error = difference(*results)
        told |= {"difference": error, "tolerance": duel.tolerance}
        if not error <= duel.tolerance:
            return told | {"differ": f"differs by {error:.1e}, {duel.tolerance:.1e} is allowed"}
    del results
    pairs = (3, 5) if quick else duel.pairs
    seconds = list(in_turn(duel.ours, duel.theirs, pairs, QUICK_BUDGET if quick else BUDGET))
    work, their_work = duel.flops or (1.0, 1.0)
    if duel.flops is None:
        ratios = [ours / theirs for ours, theirs in seconds]
    else:
        ratios = [work / ours * theirs / their_work for ours, theirs in seconds]
        told["rate"] = [work / ours / 1e9 for ours, _ in seconds]
        told["their_rate"] = [their_work / theirs / 1e9 for _, theirs in seconds]
    return told | {
        "ours": [ours for ours, _ in seconds],
        "theirs": [theirs for _, theirs in seconds],
        "ratios": ratios,
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)},
    }


def in_turn(
    ours: Callable[[], Any], theirs: Callable[[], Any], pairs: tuple[int, int], budget: float
) -> Iterator[tuple[float, float]]:
    """(seconds of ours, of theirs): at least so many pairs, at most so many, until the budget is spent."""
    calls = [calls_of(ours), calls_of(theirs)]
    warm = max(calls) > 1
    start = time.perf_counter()
    for number in range(pairs[1]):
        if number >= pairs[0] and time.perf_counter() - start > budget:
            return
        yield turn(ours, calls[0], warm), turn(theirs, calls[1], warm)


def calls_of(call: Callable[[], Any]) -> int:
    """How many calls make a turn."""
    rest()
    start = time.perf_counter()
    call()
    return max(1, math.ceil(SHORT / (time.perf_counter() - start)))


def rest() -> None:
    """Sleep until all threads of this process have come to rest."""
    start = time.perf_counter()
    while time.perf_counter() - start < AT_MOST:
        before = time.process_time()
        time.sleep(IDLE)
        if time.process_time() - before < IDLE / 20:
            return


def turn(call: Callable[[], Any], calls: int, warm: bool) -> float:
    """Seconds of one call, as the mean of some in a row, the first of which is not timed if `warm`."""
    rest()
    if warm:
        call()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference of two results, array by array, over the largest number of the array."""
    pairs = list(zip(arrays(ours), arrays(theirs), strict=True))
    errors = [np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-300) for a, b in pairs]
    return float(np.max(errors))  # NaN if any is NaN


def arrays(result: Any) -> list[np.ndarray]:
    """The arrays of a result, whosever they are."""
    if isinstance(result, dict):
        return [x for name in sorted(result) for x in arrays(result[name])]
    if isinstance(result, tuple | list):
        return [x for each in result for x in arrays(each)]
    detached = result.detach() if hasattr(result, "detach") else result
    return [np.asarray(detached, dtype=np.float64)]


# ---------------------------------------------------------------------------------- was it quiet?


class Quiet:
    """How much of the processors others took while something ran: of Linux's own counts, else None."""

    def __init__(self) -> None:
        self.start = self._now()

    def others(self) -> float | None:
        """Their share of all processors' time since this was made."""
        now = self._now()
        if now is None or self.start is None or now[0] <= self.start[0]:
            return None
        whole, busy, own = (b - a for a, b in zip(self.start, now, strict=True))
        return max(0.0, (busy - own) / whole)

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
