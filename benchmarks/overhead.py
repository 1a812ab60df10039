"""Overhead of argument checks on small problems: python -m benchmarks.overhead [FILE]

Attention at (1, 8, 8, 4) beside the seven bare lines of NumPy, and importing the package beside importing
NumPy alone. The two take turns, and the ratio is taken pair by pair. Writes the table to FILE
(benchmarks/overhead.md), and prints it. One minute on one core.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import numpy_attention as na
from benchmarks.contenders import machine
from numpy_attention.files import write_text

PAIRS, CALLS, IMPORTS = 200, 100, 40

AFTER_NUMPY = (
    "import numpy, time; t = time.perf_counter(); import numpy_attention{}; print(time.perf_counter() - t)"
)
FIRST_USE = "; numpy_attention.attention_forward, numpy_attention.adam_step"
"""Modules are imported on first use of a name."""


def bare(query: Any, key: Any, value: Any) -> Any:
    """Attention in bare NumPy, without checks and options."""
    scores = 0.5 * query @ np.swapaxes(key, -1, -2)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    summed = exponentials.sum(axis=-1, keepdims=True)
    weights = exponentials / summed
    return weights @ value


def seconds(call: Callable[[], object]) -> float:
    """Seconds per call, averaged over consecutive calls."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def attention() -> tuple[list[float], list[float]]:
    """(ours, bare) in seconds, pair by pair; the results are compared first."""
    query, key, value = np.random.default_rng(0).standard_normal((3, 1, 8, 8, 4))
    np.testing.assert_allclose(na.attention(query, key, value), bare(query, key, value), rtol=1e-14)
    pairs = [
        (seconds(lambda: na.attention(query, key, value)), seconds(lambda: bare(query, key, value)))
        for _ in range(PAIRS + 1)
    ]
    ours, plain = zip(*pairs[1:], strict=True)
    return list(ours), list(plain)


def importing(code: str) -> float:
    """Seconds of an import in a fresh process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def imports(use: str = "") -> list[float]:
    """Seconds to import this package after NumPy, each in a fresh process."""
    return [importing(AFTER_NUMPY.format(use)) for _ in range(IMPORTS + 1)][1:]


def row(name: str, numbers: list[float], unit: str) -> str:
    """A table row: median, least and largest."""
    middle, least, most = statistics.median(numbers), min(numbers), max(numbers)
    return f"| {name:<46} | {middle:7.2f} {unit} | {least:7.2f} {unit} | {most:7.2f} {unit} |"


def main() -> None:
    """Measure, print, write."""
    ours, plain = attention()
    lines = [
        "# Overhead on small problems",
        "",
        f"Made by `python -m benchmarks.overhead`, on {machine()}, one-minute load {os.getloadavg()[0]:.1f}.",
        f"{PAIRS} pairs in turn, each of {CALLS} calls; {IMPORTS} imports, each in a process of its own.",
        "",
        "|                                                |   median   |   least    |   most     |",
        "| ---------------------------------------------- | ---------- | ---------- | ---------- |",
        row("attention (1, 8, 8, 4), float64", [1e6 * t for t in ours], "µs"),
        row("seven bare lines of NumPy", [1e6 * t for t in plain], "µs"),
        row(
            "attention over bare lines, pair by pair", [a / b for a, b in zip(ours, plain, strict=True)], "  "
        ),
        row("import numpy_attention, after numpy", [1e3 * t for t in imports()], "ms"),
        row("first use of its attention and Adam", [1e3 * t for t in imports(FIRST_USE)], "ms"),
    ]
    print("\n".join(lines))
    write_text(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/overhead.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
