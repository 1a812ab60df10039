"""Held-out accuracy of every task beside its baselines: python -m benchmarks.tasks [FILE]

Trains every task that ships with the package, with its own defaults, from the seeds 0 to 4. Writes the tables
to FILE (benchmarks/tasks.md), and prints them. Two to three minutes on one core.
"""

import os
import sys
import time
from typing import NamedTuple

import numpy as np

from benchmarks.contenders import machine
from numpy_attention.files import write_text
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.training.objective import Figures
from numpy_attention.training.run import run_epochs, start_run

TRAINED_TASKS = ("digit-bags", "breast-cancer", "digits")
SEEDS = range(5)


class Trained(NamedTuple):
    """One run of a task."""

    figures: dict[str, Figures]
    seconds: float
    """Processor seconds, for all models of the run."""


def trained(task: str, seed: int) -> Trained:
    """Train a task from a seed, with its own defaults."""
    settings = with_defaults({"task": task, "seed": seed})
    before = time.process_time()
    data = load(settings)
    run = start_run(TASKS[task], settings, data)
    for now in run_epochs(run, data):
        run = now
    return Trained(TASKS[task].held_out(run, data), time.process_time() - before)


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


def summary(runs: dict[str, list[Trained]]) -> list[str]:
    """The mean over the seeds for every task, one row per contender or baseline."""
    lines = [f"| mean of seeds 0-4   |{''.join(f' {task:<13} |' for task in runs)}"]
    lines += [f"| {'-' * 19} |" + f" {'-' * 13} |" * len(runs)]
    for name in dict.fromkeys(name for each in runs.values() for name in each[0].figures):
        means = [
            f"{np.mean([run.figures[name].accuracy for run in each]):.4f}" if name in each[0].figures else ""
            for each in runs.values()
        ]
        lines.append(f"| {name:<19} |{''.join(f' {mean:<13} |' for mean in means)}")
    return lines


def main() -> None:
    """Train, print, write."""
    lines = [
        "# Accuracy of the tasks",
        "",
        f"Made by `python -m benchmarks.tasks`, on {machine()}, one-minute load {os.getloadavg()[0]:.1f}.",
        "Every task with its own defaults. The seed sets initial parameters and order, for digit-bags and",
        "breast-cancer also the held-out examples. Seconds are processor time, for all models of a run.",
    ]
    runs: dict[str, list[Trained]] = {}
    details = []
    for task in TRAINED_TASKS:
        runs[task] = []
        for seed in SEEDS:
            runs[task].append(trained(task, seed))
            print(f"{task}, seed {seed}: {runs[task][-1].seconds:.1f} seconds", flush=True)
        seconds = ", ".join(f"{run.seconds:.1f}" for run in runs[task])
        title = f"{task}: {TASKS[task].question(with_defaults({'task': task}), None)}"
        details += ["", f"## {title}", "", *table(runs[task]), "", f"{seconds} seconds."]
    lines += ["", *summary(runs), *details]
    print(*lines, sep="\n")
    write_text(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/tasks.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
