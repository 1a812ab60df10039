"""One point of how cost grows, in a process of its own: python -m benchmarks.speed.point WHO SEE HEADS L

Forward and backward in float32, width 64. Prints seconds, and the peak of memory above what there was with
the inputs and what the outputs take, as JSON.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import numpy_attention as na
from benchmarks.speed.peers import Case, naive, ours

WIDTH, ENOUGH = 64, 1.0


def blockwise(case: Case, arrays: list[np.ndarray], backward: bool) -> Callable[[], Any]:
    """numpy_attention.blockwise_attention."""
    *inputs, d_out = arrays

    def both() -> Any:
        out, saved = na.blockwise_attention_forward(*inputs, mask=case.value())
        return (out, *na.blockwise_attention_backward(d_out, saved)[:3])

    return both


def dense(case: Case, arrays: list[np.ndarray], backward: bool) -> Callable[[], Any]:
    """numpy_attention.attention, the reference, which computes in float64."""
    *inputs, d_out = arrays

    def both() -> Any:
        out, saved = na.attention_forward(*inputs, mask=case.value())
        return (out, *na.attention_backward(d_out, saved)[:3])

    return both


EVERYBODY = {"fast": ours, "blockwise": blockwise, "dense": dense, "naive NumPy": naive}


def memory(what: str) -> float:
    """Bytes in use now (VmRSS), or the most there were (VmHWM).

    Where Linux does not tell, the most there were: a process that was started by a large one inherits it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return 1024.0 * int(status.read_text().split(f"{what}:")[1].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def main(who: str, see: str, heads: str, length: str) -> None:
    """Warm up on a small problem; the first run is the one whose memory counts."""
    small = Case(1, 16, WIDTH, see=see)
    EVERYBODY[who](small, small.arrays("float32"), True)()
    case = Case(int(heads), int(length), WIDTH, see=see)
    arrays = case.arrays("float32")
    call = EVERYBODY[who](case, arrays, True)
    before = memory("VmRSS")
    seconds = [timed(call)]
    peak = memory("VmHWM") - before - sum(x.nbytes for x in arrays)  # four outputs, each of an input's size
    while sum(seconds) < ENOUGH and len(seconds) < 10:
        seconds.append(timed(call))
    told = {"seconds": statistics.median(seconds[1:] or seconds), "bytes": max(0.0, peak)}
    print(json.dumps(told))


def timed(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
