"""Attention over dask workers: python -m benchmarks.scale [FILE] [--only PART]

Error over bound at 1, 2 and 4 workers; tasks and graph seconds; strong and weak scaling, by chunk; the size
of a worker by L; a length that one process cannot hold. Writes the tables to FILE (benchmarks/scale.md), and
prints them. Needs dask and distributed; a quarter of an hour on two quiet cores.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import numpy_attention as na
from benchmarks.contenders import machine
from numpy_attention import distributed as nd
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.rounding.error_analysis import FLOAT32
from numpy_attention.distributed.engine import cluster, require, results
from numpy_attention.distributed.scaling import Scaled, ScaleProblem, measure, own_tasks, table, usage
from numpy_attention.files import write_text

L, S, H, G, D, E = 127, 149, 6, 3, 16, 8
LONG, WINDOW, CHUNK, MEMORY = 131_072, 2047, 2048, 420 * 2**20
"""Four heads of width 64 in float32: 128 MiB an array."""

ALONE = f"""
import resource
resource.setrlimit(resource.RLIMIT_DATA, ({MEMORY}, {MEMORY}))
import numpy as np, numpy_attention as na
rng = np.random.default_rng(0)
x = [rng.standard_normal((4, {LONG}, 64), dtype=np.float32) for _ in range(3)]
print(na.fast_attention(*x, mask=na.window({WINDOW}, 0), threads=1).sum())
"""


def problem() -> tuple[Inputs, list[tuple[int, ...]]]:
    """Odd chunks, fully masked rows, sinks, in float32."""
    rng = np.random.default_rng(0)
    shapes = (H, L, D), (G, S, D), (G, S, E), (H, L, E)
    query, key, value, d_out = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    mask = na.causal("top_left") & ~na.prefix(5)
    inputs = Inputs(query, key, value, d_out=d_out, mask=mask, sinks=rng.standard_normal(H), scale=0.5)
    return inputs, [((4, 2), 31, -1), ((2, 1), 43, -1), ((2, 1), 43, -1), ((4, 2), 31, -1)]  # type: ignore[list-item]


def errors() -> Iterator[str]:
    """The largest error over its bound of each result, by workers."""
    da, dask = require("dask.array"), require("dask")
    inputs, chunks = problem()
    bounded, first = bounds(inputs, FLOAT32), None
    yield "| workers | out | d_query | d_key | d_value | d_scale | d_sinks | bits |"
    yield "| ------- | --- | ------- | ----- | ------- | ------- | ------- | ---- |"
    for workers in (1, 2, 4):
        with cluster(workers):
            arrays = [
                da.from_array(x, chunks=c)
                for x, c in zip((*inputs.arguments, inputs.d_out), chunks, strict=True)
            ]
            out, saved = nd.attention_forward(*arrays[:3], **inputs.keywords)
            gradients = nd.attention_backward(arrays[3], saved)
            got = dask.compute(out, *(x for x in gradients if x is not None))
        names = ["out", *(f"d_{name}" for name in ("query", "key", "value", "scale", "sinks"))]
        ratios = []
        for name, x in zip(names, got, strict=True):
            exact = getattr(bounded, name)
            size = np.finfo(np.float32).eps * np.abs(exact.value) + np.finfo(np.float32).tiny
            ratios.append(float((np.abs(x - exact.value) / (exact.error + size)).max()))
        bits = b"".join(np.asarray(x).tobytes() for x in got)
        first = first or bits
        same = "first" if bits is first else "same" if bits == first else "differ"
        yield f"| {workers} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} | {same} |"


def graphs() -> Iterator[str]:
    """Tasks and seconds of graphs at 256 x 256 tiles."""
    da = require("dask.array")
    yield "| mask | forward tasks | s | backward tasks | s |"
    yield "| ---- | ------------- | - | -------------- | - |"
    x = da.zeros((256 * 64, 4), chunks=(64, 4), dtype=np.float32)
    for name, mask in (("none", None), ("causal", na.causal()), ("window of 8 tiles", na.window(8 * 64, 0))):
        started = time.process_time()
        out, saved = nd.attention_forward(x, x, x, mask=mask)
        middle = time.process_time()
        gradients = nd.attention_backward(x, saved)
        ended = time.process_time()
        forward = own_tasks(out, saved.lse) - 256
        backward = own_tasks(*gradients[:3]) - own_tasks(out, saved.lse) + 256
        yield f"| {name} | {forward:,} | {middle - started:.1f} | {backward:,} | {ended - middle:.1f} |"


def scaling() -> Iterator[str]:
    """Strong and weak scaling, and the bytes that chunks of three sizes move."""
    rows: list[Scaled] = []
    for workers in (1, 2):
        with cluster(workers) as client:
            for chunk in (512, 1024, 2048):
                rows.append(measure(client, ScaleProblem(4096, chunk)))
            rows.append(measure(client, ScaleProblem(4096, 1024, heads=4 * workers), "weak"))
    yield from table(rows)


def memory() -> Iterator[str]:
    """The largest size of a worker by L, one tile of 1024 at a time, each L on new workers."""
    yield "| L | keys and values, MiB | largest worker, MiB |"
    yield "| - | -------------------- | ------------------- |"
    for length in (2048, 8192, 16_384):
        with cluster(2) as client:
            row = measure(client, ScaleProblem(length, 1024, heads=1, causal=True), beside=False)
        both = ScaleProblem(length, 1024, heads=1).ring_bytes / 2**20
        yield f"| {length:,} | {both:.0f} | {row.peak_mib:.0f} |"


def long() -> Iterator[str]:
    """A length that one process cannot hold in so much memory, and two workers can."""
    da = require("dask.array")
    one = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    last = (one.stderr or one.stdout).strip().splitlines()[-1]
    yield f"- one process, limited to {MEMORY / 2**20:.0f} MiB: status {one.returncode}, `{last}`"
    with cluster(2, memory=MEMORY) as client:
        rng, shape, chunks = da.random.default_rng(0), (4, LONG, 64), (4, CHUNK, 64)
        x = [rng.standard_normal(shape, chunks=chunks).astype(np.float32) for _ in range(3)]
        started = time.perf_counter()
        (total,) = results(
            client, [client.compute(nd.attention_forward(*x, mask=na.window(WINDOW, 0))[0].sum())]
        )
        seconds, used = time.perf_counter() - started, client.run(usage).values()
    yield (
        f"- two workers, limited to as much each: the sum of out is {total:.4f}; {seconds:.0f} s, "
        f"{sum(each[0] for each in used):.0f} s of the processors, the largest worker "
        f"{max(each[2] for each in used) / 2**20:.0f} MiB"
    )


def main() -> None:
    """Measure all parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default="benchmarks/scale.md")
    parser.add_argument("--only", choices=PARTS)
    args = parser.parse_args()
    lines = ["# Attention over dask workers", "", f"Made by `python -m benchmarks.scale`, on {machine()}, "
             f"one-minute load {os.getloadavg()[0]:.1f}.", ""]  # fmt: skip
    for name, (title, part) in PARTS.items():
        if args.only in (None, name):
            own = [f"## {title}", "", *part(), ""]
            print("\n".join(own), flush=True)
            lines += own
    if args.only is None:
        write_text(args.file, "\n".join(lines))


PARTS: dict[str, Any] = {
    "errors": ("Error over bound, float32, odd chunks", errors),
    "graphs": ("Tasks at 256 x 256 tiles, and seconds of the processor", graphs),
    "scaling": ("Strong and weak scaling", scaling),
    "memory": ("Size of a worker", memory),
    "long": (f"{LONG:,} queries and keys, a window of {WINDOW + 1:,}", long),
}

if __name__ == "__main__":
    main()
