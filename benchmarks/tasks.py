"""Held-out figure of every task beside its baselines: python -m benchmarks.tasks [--runs FOLDER] [TASK …]

Trains every task that needs no file of yours, with its own defaults, from several seeds, each run in a folder
of its own below FOLDER (runs/tasks). A run that has its result.json is not trained again, and one that was
stopped goes on: so does the whole command. Then writes docs/tasks.md from the results. Every task: two hours
on two cores.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import machine
from numpy_attention.files import read_json, write_text
from numpy_attention.tasks import TASKS

SHIPPED = [name for name, task in TASKS.items() if set(task.required) <= set(task.defaults)]
SLOW = ("text", "python-docs", "dates", "numbers", "docstrings", "draw-digit", "find-digit",
        "next-item", "spoken-digits", "say-digits", "match-sound", "ask-picture")  # fmt: skip
"""Tasks that train for more than a minute: three seeds instead of five."""
OUT = Path(__file__).parent.parent / "docs" / "tasks.md"


def seeds(task: str) -> range:
    """The seeds that a task is trained from."""
    return range(3 if task in SLOW else 5)


def made(runs: Path, task: str, seed: int) -> bool:
    """True if a run has its result."""
    return (runs / f"{task}-{seed}" / "result.json").exists()


def result(runs: Path, task: str, seed: int) -> dict[str, Any]:
    """The result.json of a run of a task with its defaults."""
    return trained(runs / f"{task}-{seed}", ["--task", task, "--seed", str(seed)])


def trained(folder: Path, options: list[str]) -> dict[str, Any]:
    """The result.json of a run in a folder, which is trained, or trained to its end, if it has none."""
    if not (folder / "result.json").exists():
        begun = (folder / "run.npz").exists()
        how = ["--resume", str(folder)] if begun else [*options, "--out", str(folder)]
        print(" ".join(how), flush=True)
        command = [sys.executable, "-m", "numpy_attention", "train", *how]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    content: dict[str, Any] = read_json(folder / "result.json")
    return content


def row(task: str, results: list[dict[str, Any]]) -> str:
    """A line of the table: the mean of the seeds, from least to most, beside the baselines' means."""
    ours = [one["ours"] for one in results]
    baselines = {
        name: np.mean([one["baselines"][name] for one in results]) for name in results[0]["baselines"]
    }
    others = ", ".join(f"{name} {value:.4f}" for name, value in baselines.items())
    spread = f"{min(ours):.4f}–{max(ours):.4f}"
    seconds = np.mean([one["processor_seconds"] for one in results if "processor_seconds" in one])
    parameters = f"{results[0]['parameters']:,}"
    cells = (task, results[0]["metric"], f"{np.mean(ours):.4f}", spread, str(len(ours)), others, parameters,
             f"{seconds:.0f}")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> None:
    """Train what has no result, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these; the table keeps to them too")
    parser.add_argument("--runs", default="runs/tasks", metavar="FOLDER", help="where the runs are kept")
    parser.add_argument(
        "--made", action="store_true", help="train nothing: a table of the results that are there"
    )
    parser.add_argument("--out", default=str(OUT), metavar="FILE.md", help="the file to write")
    args = parser.parse_args(argv)
    names = args.tasks or SHIPPED
    lines = [
        "# What the tasks reach",
        "",
        f"Made by `python -m benchmarks.tasks`, on {machine()}.",
        "Every task with its own defaults, held-out data. The figure is the mean over seeds; of nats, bits",
        "and dB less is better, of everything else more. Seconds are those of one processor, for all models",
        "of a run and its baselines.",
        "",
        "| task | figure | mean | least–most | seeds | baselines | parameters | seconds |",
        "| ---- | ------ | ---- | ---------- | ----- | --------- | ---------- | ------- |",
    ]
    for name in names:
        own = [seed for seed in seeds(name) if not args.made or made(Path(args.runs), name, seed)]
        if own:
            lines.append(row(name, [result(Path(args.runs), name, seed) for seed in own]))
    print(*lines, sep="\n")
    write_text(args.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
