"""Speed of attention beside other libraries: python -m benchmarks.speed [--quick]

Writes tables to benchmarks/speed.md, every measured number to benchmarks/speed.json and, with matplotlib,
speed-growth.svg. Everything takes an hour on two cores; --quick takes two minutes and writes speed-quick
instead of speed. --only NAME measures one section again and keeps the others of the file. Status 1 if any
results differ.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import machine
from benchmarks.speed import attention
from benchmarks.speed.functions import adam, functions
from benchmarks.speed.gpt import gpt
from benchmarks.speed.growth import growth
from benchmarks.speed.peers import installed, threads
from benchmarks.speed.plot import draw
from benchmarks.speed.report import SECTIONS, page
from benchmarks.speed.training import commands, training
from benchmarks.speed.turns import OtherLoad, SpeedComparison, time_comparison
from numpy_attention.files import write_text

COMPARISONS: dict[str, Callable[[bool], Iterator[SpeedComparison]]] = {
    "limit": attention.limit,
    "floor": attention.floor,
    "plain": attention.plain,
    "causal": attention.causal,
    "window": attention.window,
    "other": attention.other,
    "float64": attention.float64,
    "functions": functions,
    "adam": adam,
    "gpt": gpt,
    "training": training,
    "commands": commands,
}
PEERS = ("torch", "jax", "autograd", "mygrad", "scipy", "threadpoolctl")


def about() -> dict[str, Any]:
    """Machine, BLAS and threads, for all sections."""
    versions = []
    for name in PEERS[2:]:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    return {
        "machine": f"{machine()}, {', '.join(versions)}",
        "blas": blas(),
        "threads": threads(),
    }


def blas() -> str:
    """Name, version and threads of NumPy's BLAS."""
    config: Any = np.show_config(mode="dicts")
    built = config["Build Dependencies"]["blas"]
    version = f"{built['name']} {built['version']}"
    if installed("threadpoolctl") is None:
        return version
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return (
        f"{version}, {', '.join(f'''{p.get('architecture')}, {p['num_threads']} threads''' for p in pools)}"
    )


def section(name: str, quick: bool) -> dict[str, Any]:
    """One measured section, with the load of other processes."""
    load, start = OtherLoad(), time.perf_counter()
    rows = []
    for row in (
        growth(quick) if name == "growth" else (time_comparison(d, quick) for d in COMPARISONS[name](quick))
    ):
        rows.append(row)
        print(f"{time.perf_counter() - start:6.0f} s  {name}: {progress_line(row)}", flush=True)
    return {
        "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC",
        "seconds": time.perf_counter() - start,
        "others": load.others(),
        "rows": rows,
    }


def progress_line(row: dict[str, Any]) -> str:
    """A row as one line of progress."""
    if "who" in row:
        return f"{row['who']}, {row['see']}, {row['length']}: {row.get('seconds', math.nan):.4g} s"
    result = row.get("left_out") or row.get("differ") or row.get("ratio") or {"ours": row.get("ours")}
    text = ", ".join(f"{k} {v:.3g}" for k, v in result.items()) if "ratio" in row else str(result)
    return f"{row['row']} / {row['peer']}: {text}"


def main() -> int:
    """Measure and write, printing every row; 1 if any results differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and small rows, two minutes")
    parser.add_argument("--only", choices=tuple(SECTIONS), action="append", help="this section")
    parser.add_argument("--out", default="benchmarks", help="the folder to write to")
    args = parser.parse_args()
    if not args.only and not args.quick:
        return sections_in_processes(sys.argv[1:])
    names = args.only or (*COMPARISONS, "growth")
    stem = Path(args.out) / ("speed-quick" if args.quick else "speed")
    stem.parent.mkdir(parents=True, exist_ok=True)
    data = stem.with_suffix(".json")
    kept = json.loads(data.read_text())["sections"] if data.exists() else {}
    results = {"about": about(), "sections": kept}
    for name in names:
        results["sections"][name] = section(name, args.quick)
        if name == "growth":
            draw(results["sections"][name]["rows"], stem.with_name(f"{stem.name}-growth.svg"))
        write_text(data, json.dumps(results, indent=1) + "\n")
        write_text(stem.with_suffix(".md"), page(results))
    return int(any("differ" in row for name in names for row in results["sections"][name]["rows"]))


def sections_in_processes(words: list[str]) -> int:
    """Run every section in its own process, free of the threads and memory of the others."""
    command = [sys.executable, "-m", "benchmarks.speed", *words, "--only"]
    return max(subprocess.run([*command, name]).returncode for name in (*COMPARISONS, "growth"))


if __name__ == "__main__":
    sys.exit(main())
