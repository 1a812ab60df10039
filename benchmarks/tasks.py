"""What each task reaches, beside its baselines: python -m benchmarks.tasks [FILE]

Trains every task that ships with the package, with its own defaults, from the seeds 0 to 4. Writes the tables
to FILE (benchmarks/tasks.md), and prints them. Two to three minutes on one core.
"""

import os
import sys
import time
from typing import NamedTuple

import numpy as np

from numpy_attention.files import write_text
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.evaluation import Figures
from numpy_attention.tasks.report import held_out_figures, question
from numpy_attention.tasks.run import begin, going_on

from .contenders import machine

TASKS = ("digit-bags", "breast-cancer", "digits")
SEEDS = range(5)


class Trained(NamedTuple):
    """One run of a task."""

    figures: dict[str, Figures]
    seconds: float
    """Of one processor, all models of the run together."""


def trained(task: str, seed: int) -> Trained:
    """Train a task from a seed, with its own defaults."""
    settings = with_defaults({"task": task, "seed": seed})
    before = time.process_time()
    data = load(settings)
    run = begin(settings, data)
    for now in going_on(run, data):
        run = now
    return Trained(held_out_figures(run, data), time.process_time() - before)


def table(runs: list[Trained]) -> list[str]:
    """Held-out accuracy of every contender and baseline, seed by seed, with mean and standard deviation."""
    head = "".join(f" seed {seed} |" for seed in SEEDS)
    lines = [f"| held-out accuracy   |{head} mean   | deviation |"]
    lines += [f"| {'-' * 19} |" + " ------ |" * (len(SEEDS) + 1) + " --------- |"]
    for name in runs[0].figures:
        accuracies = [run.figures[name].accuracy for run in runs]
        cells = "".join(f" {accuracy:.4f} |" for accuracy in (*accuracies, np.mean(accuracies)))
        lines.append(f"| {name:<19} |{cells} {np.std(accuracies):.4f}    |")
    return lines


def main() -> None:
    """Train, print, write."""
    lines = [
        "# What each task reaches",
        "",
        f"Made by `python -m benchmarks.tasks`, on {machine()}, one-minute load {os.getloadavg()[0]:.1f}.",
        "Every task with its own defaults. The seed decides start and order, and, for digit-bags and",
        "breast-cancer, which examples are held out as well. Seconds are those of one processor, for all the",
        "models of a run together.",
    ]
    for task in TASKS:
        runs = [trained(task, seed) for seed in SEEDS]
        seconds = ", ".join(f"{run.seconds:.1f}" for run in runs)
        title = f"{task}: {question(with_defaults({'task': task}))}"
        lines += ["", f"## {title}", "", *table(runs), "", f"{seconds} seconds."]
        print(*lines[-(len(runs[0].figures) + 7) :], sep="\n", flush=True)
    write_text(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/tasks.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
