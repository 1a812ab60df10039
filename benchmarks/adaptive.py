"""What adaptive attention buys on digits and text: python -m benchmarks.adaptive [--runs FOLDER] [--seeds N]

Trains each task with shortened training, the same for every row, and fixed attention, learned temperatures,
learned alpha of entmax, adaptive spans without and with a penalty, each run in a folder of its own below
FOLDER (runs/adaptive). A run that has its result.json is not trained again. Then writes
benchmarks/adaptive.md.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import machine
from benchmarks.tasks import trained
from numpy_attention.files import write_text
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.run_data import reload_data
from numpy_attention.training.adaptive import learned_numbers, used_keys
from numpy_attention.training.run import LEARNED
from numpy_attention.training.run_folder import read_run

SHORTENED = {"digits": ["--epochs", "10"], "text": ["--epochs", "2"]}
SPANS = {"digits": "2", "text": "16"}
"""The ramps: half the side of an image, a quarter of the context."""
PENALTY = "0.1"
ROWS = ("fixed", "learned temperature", "learned alpha", "span", "span, penalty")
OUT = Path(__file__).with_suffix(".md")


def options(task: str, row: str) -> list[str]:
    """The options of `train` for a row."""
    span = ["--span", SPANS[task]]
    own = {
        "learned temperature": ["--temperature", "learned"],
        "learned alpha": ["--normaliser", "entmax"],
        "span": span,
        "span, penalty": [*span, "--span-penalty", PENALTY],
    }
    return ["--task", task, *SHORTENED[task], *own.get(row, [])]


def learned(folder: Path) -> tuple[dict[str, float], float]:
    """The mean of what the heads learned, spans in positions; and the share of keys with a weight above 0."""
    run, data = reload_data(read_run(folder, TASKS), folder)
    objective: Any = run.objectives()[LEARNED]
    span = objective.model.span
    means = {
        kind: float(np.mean([*places.values()])) * (span.context if kind == "span" else 1)
        for kind, places in learned_numbers(run.params).items()
    }
    used, visible = used_keys(objective, run.params, data.test)
    return means, used / visible


def line(task: str, row: str, folders: list[Path], results: list[dict[str, Any]]) -> str:
    """A line of the table: means over the seeds, the figure from least to most."""
    ours = [result["ours"] for result in results]
    found = [learned(folder) for folder in folders]
    means = {kind: np.mean([each[kind] for each, _ in found]) for kind in found[0][0]}
    cells = (
        task, row, f"{np.mean(ours):.4f}", f"{min(ours):.4f}–{max(ours):.4f}", str(len(ours)),
        ", ".join(f"{kind} {mean:.2f}" for kind, mean in means.items()),
        f"{np.mean([share for _, share in found]):.2f}",
        f"{np.mean([result['processor_seconds'] for result in results]):.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> None:
    """Train what has no result, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", default="runs/adaptive", metavar="FOLDER", help="where the runs are kept")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1")
    parser.add_argument(
        "--made", action="store_true", help="train nothing: a table of the results that are there"
    )
    parser.add_argument("--out", default=str(OUT), metavar="FILE.md", help="the file to write")
    args = parser.parse_args(argv)
    made: dict[tuple[str, str], tuple[list[Path], list[dict[str, Any]]]] = {}
    for seed, task, row in itertools.product(range(args.seeds), SHORTENED, ROWS):
        folder = Path(args.runs) / f"{task}-{row.replace(', ', '-').replace(' ', '-')}-{seed}"
        if args.made and not (folder / "result.json").exists():
            continue
        folders, results = made.setdefault((task, row), ([], []))
        results.append(trained(folder, [*options(task, row), "--seed", str(seed)]))
        folders.append(folder)
    epochs = {task: options[1] for task, options in SHORTENED.items()}
    lines = [
        f"Made by `python -m benchmarks.adaptive`, on {machine()}.",
        "",
        f"Training is shortened, the same for all rows of a task: {epochs['digits']} epochs of digits,",
        f"{epochs['text']} of text. The figure is held out: accuracy of digits, nats a character of text",
        "(less is better). Learned: the mean over all heads, a span in positions, at most 4 and 64. Keys: of",
        "those that softmax without spans sees, the share with a weight above 0. Seconds are those of one",
        "processor, with digits for the same model with uniform weights too; entmax runs in float64. Spans",
        f"have ramps of {SPANS['digits']} and {SPANS['text']} positions, the penalty is {PENALTY}.",
        "",
        "| task | attention | figure | least–most | seeds | learned | keys | seconds |",
        "| ---- | --------- | ------ | ---------- | ----- | ------- | ---- | ------- |",
        *(line(task, row, *given) for (task, row), given in made.items()),
    ]
    print(*lines, sep="\n")
    write_text(args.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
