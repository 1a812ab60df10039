"""One point of `growth`, in its own process: python -m benchmarks.speed.point WHO SEE HEADS L

Forward and backward in float32, width 64. Prints, as JSON, seconds and the peak memory above that of inputs
and outputs.
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
from benchmarks.speed.peers import SpeedCase, naive, ours

WIDTH, ENOUGH = 64, 1.0


def blockwise(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Callable[[], Any]:
    """numpy_attention.blockwise_attention."""
    *inputs, d_out = arrays

    def both() -> Any:
        out, saved = na.blockwise_attention_forward(*inputs, mask=case.mask_value())
        return (out, *na.blockwise_attention_backward(d_out, saved)[:3])

    return both


def dense(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Callable[[], Any]:
    """numpy_attention.attention, the reference, which computes in float64."""
    *inputs, d_out = arrays

    def both() -> Any:
        out, saved = na.attention_forward(*inputs, mask=case.mask_value())
        return (out, *na.attention_backward(d_out, saved)[:3])

    return both


SIDES = {"fast": ours, "blockwise": blockwise, "dense": dense, "naive NumPy": naive}


def memory(what: str) -> float:
    """Bytes in use now (VmRSS), or their peak (VmHWM).

    Without Linux's /proc always the peak, which a process inherits from its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return 1024.0 * int(status.read_text().split(f"{what}:")[1].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def main(who: str, see: str, heads: str, length: str) -> None:
    """Warm up on a small problem; memory is that of the first run."""
    small = SpeedCase(1, 16, WIDTH, see=see)
    SIDES[who](small, small.arrays("float32"), True)()
    case = SpeedCase(int(heads), int(length), WIDTH, see=see)
    arrays = case.arrays("float32")
    call = SIDES[who](case, arrays, True)
    before = memory("VmRSS")
    seconds = [timed(call)]
    peak = memory("VmHWM") - before - sum(x.nbytes for x in arrays)  # the outputs are as large as the inputs
    while sum(seconds) < ENOUGH and len(seconds) < 10:
        seconds.append(timed(call))
    measured = {"seconds": statistics.median(seconds[1:] or seconds), "bytes": max(0.0, peak)}
    print(json.dumps(measured))


def timed(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
