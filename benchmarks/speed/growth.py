"""Time and peak memory over the length, forward and backward, each point in its own process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
QUICK = (128, 512, 2048)
LONGEST = {
    ("fast", "all"): 65536,
    ("fast", "causal"): 65536,
    ("fast", "window"): 65536,
    ("blockwise", "all"): 8192,
    ("blockwise", "causal"): 8192,
    ("blockwise", "window"): 65536,
    ("dense", "all"): 8192,
    ("dense", "window"): 8192,
    ("naive NumPy", "all"): 8192,
}
"""Largest length of each side, limited by memory or one minute."""

MANY_HEADS = (8, 4096)
"""Heads and length of an additional point that compares memory."""


def growth(quick: bool) -> Iterator[dict[str, Any]]:
    """The points, ready for JSON."""
    for length in QUICK if quick else LENGTHS:
        for (who, see), most in LONGEST.items():
            if length <= most and not (quick and who == "blockwise"):
                yield point(who, see, 1, length)
    if not quick:
        for who in ("fast", "naive NumPy"):
            yield point(who, "all", *MANY_HEADS)


def point(who: str, see: str, heads: int, length: int) -> dict[str, Any]:
    """One point; if its process fails, the last line of its error as `left_out`."""
    words = [sys.executable, "-m", "benchmarks.speed.point", who, see, str(heads), str(length)]
    done = subprocess.run(words, capture_output=True, text=True)
    row: dict[str, Any] = {"who": who, "see": see, "heads": heads, "length": length}
    if done.returncode:
        return row | {"left_out": (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]}
    return row | json.loads(done.stdout)
