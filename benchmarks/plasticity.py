"""Lesions, forgetting and re-learning: python -m benchmarks.plasticity [--seeds N] [--out FILE.md]

Networks alone are measured; nothing follows for brains. Every figure is the mean accuracy over seeds.
Recovery and re-learning are judged on a tenth of the training part that is not trained on, forgetting on the
held-out part.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contenders import machine
from numpy_attention.files import write_text
from numpy_attention.nn.parameters import Params
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.training.lesion import keeping, lesion_of, lesioned
from numpy_attention.training.loop import Compute, epoch_zero, train
from numpy_attention.training.recovery import MARGIN, epochs_to_recover
from numpy_attention.training.settings import Settings

OUT = Path(__file__).with_suffix(".md")
LESIONS = ("head=1", "head=2", "head=3", "head=4", "head=1+2", "10%", "25%", "50%", "75%", "90%")
MOST = 20
"""Epochs that a model has to recover or to re-learn."""
AGAIN = 1000
"""Added to a seed for another order of the same examples, and other initial values."""


class Problem(NamedTuple):
    """Parts of the data of one task, and the model; another problem of the same form has the same model."""

    name: str
    objective: Classifying
    train: Any
    validation: Any
    test: Any
    settings: Settings


def bags(digit: int, seed: int) -> Problem:
    """Is this digit in the bag? Four heads."""
    settings = with_defaults({"task": "digit-bags", "digit": digit, "seed": seed, "heads": 4, "patience": 1})
    return _problem(f"digit {digit} in a bag", settings, range(2), load(settings))


def digits(classes: range, seed: int) -> Problem:
    """Which of five digits is it? The vision transformer of `digits` with one layer of 32 columns."""
    settings = with_defaults(
        {
            "task": "digits",
            "seed": seed,
            "patience": 1,
            "lr": 0.004,
            "schedule": "constant",
            "layers": 1,
            "hidden_dim": 32,
        }
    )
    return _problem(f"digits {classes[0]} to {classes[-1]}", settings, classes, load(settings))


def _problem(name: str, settings: Settings, classes: range, data: Any) -> Problem:
    """The examples of some classes, numbered from 0."""
    parts = [
        part.some(np.isin(part.y, classes))._replace(y=part.y[np.isin(part.y, classes)] - classes[0])
        for part in (data.train, data.validation, data.test)
    ]
    task: Any = TASKS[settings.task]
    sizes = task.facts(settings, data).sizes
    outputs = 1 if len(classes) == 2 else len(classes)
    return Problem(name, Classifying(task.model(settings, sizes._replace(outputs=outputs))), *parts, settings)


def epochs(
    problem: Problem, params: Params | None = None, again: int = 0, compute: Compute | None = None
) -> Iterator[Params]:
    """The parameters before training and after each of `MOST` epochs; from the seed if params is None."""
    settings = problem.settings._replace(epochs=MOST, seed=problem.settings.seed + again)
    first = epoch_zero(problem.objective, settings, params)
    yield first.params
    for epoch in train(problem.objective, problem.train, settings, after=first, compute=compute):
        yield epoch.params


def accuracy(problem: Problem, params: Params, part: str = "test") -> float:
    """The share of a part that is right."""
    return problem.objective.figures(params, getattr(problem, part)).accuracy


def after(problem: Problem, count: int, params: Params | None = None, again: int = 0) -> list[Params]:
    """The parameters before training and after each of `count` epochs."""
    return list(itertools.islice(epochs(problem, params, again), count + 1))


def until(problem: Problem, goal: float, trained: Iterator[Params]) -> tuple[int, Params]:
    """Epochs until the validation part is within `MARGIN` of the goal, MOST + 1 if never; and parameters."""
    for number, params in enumerate(trained):
        if epochs_to_recover(goal, [accuracy(problem, params, "validation")], share=True) == 0:
            return number, params
    return MOST + 1, params


def lesions(seeds: range) -> list[str]:
    """The table of lesions."""
    head = ("lesion", "parameters at 0", "held out before", "right after", "at recovery")
    head = (*head, "epochs to recover, by seed")
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["-" * len(cell) for cell in head])]
    trained = {seed: (bags(0, seed), after(bags(0, seed), 10)[-1]) for seed in seeds}
    for text in LESIONS:
        rows = []
        for seed, (problem, params) in trained.items():
            lesion = lesion_of(text, seed, problem.objective)
            wounded = lesioned(params, lesion)
            goal = accuracy(problem, params, "validation")
            recovering = epochs(problem, wounded, AGAIN, keeping(lesion, None))
            number, recovered = until(problem, goal, recovering)
            held_out = [accuracy(problem, p) for p in (params, wounded, recovered)]
            rows.append((sum(int(own.sum()) for own in lesion.entries.values()), *held_out, number))
        lost, *held_out, _ = np.mean(rows, axis=0)
        counts = ", ".join("never" if row[-1] > MOST else str(row[-1]) for row in rows)
        lines.append(f"| {text} | {lost:.0f} | {' | '.join(f'{x:.4f}' for x in held_out)} | {counts} |")
    return lines


def forgetting(first: list[Problem], second: list[Problem], count: int) -> list[str]:
    """The curve of the first task while the second is learned, and the epochs to re-learn the first."""
    curves, numbers = [], []
    for a, b in zip(first, second, strict=True):
        learned = after(a, count)[-1]
        path = after(b, count, learned)
        curves.append([(accuracy(a, params), accuracy(b, params)) for params in path])
        goal = accuracy(a, learned, "validation")
        alone = after(b, count)[-1]
        starts = (None, alone, path[-1])
        numbers.append([until(a, goal, epochs(a, params, AGAIN))[0] for params in starts])
    curve = np.mean(curves, axis=0)
    shown = sorted({*range(4), *range(4, count + 1, 2), count} & {*range(count + 1)})
    scratch, other, again = np.mean(numbers, axis=0)
    by_seed = [
        ", ".join("never" if x > MOST else str(x) for x in column) for column in zip(*numbers, strict=True)
    ]
    return [
        f"| epochs on {second[0].name} | {' | '.join(map(str, shown))} |",
        f"| --- |{' --- |' * len(shown)}",
        f"| {first[0].name} | {' | '.join(f'{curve[n, 0]:.3f}' for n in shown)} |",
        f"| {second[0].name} | {' | '.join(f'{curve[n, 1]:.3f}' for n in shown)} |",
        "",
        f"| epochs until {first[0].name} is back | mean | by seed |",
        "| --- | --- | --- |",
        f"| from scratch | {scratch:.1f} | {by_seed[0]} |",
        f"| from {second[0].name}, without {first[0].name} before | {other:.1f} | {by_seed[1]} |",
        f"| again, after both | {again:.1f} | {by_seed[2]} |",
        "",
        f"Savings, 1 - again / from scratch: {savings(again, scratch)}; against the second task alone "
        f"{savings(again, other)}.",
    ]


def savings(again: float, without: float) -> str:
    """1 - epochs again / epochs without having learned it before; "-" where these are 0."""
    return f"{1 - again / without:.2f}" if without else "-"


def report(seeds: range) -> list[str]:
    """The lines of the paper."""
    return [
        "# Lesions, forgetting and re-learning",
        "",
        f"Made by `python -m benchmarks.plasticity`, on {machine()}.",
        f"Accuracy, the mean over {len(seeds)} seeds. A model is back when its accuracy on a tenth of the "
        f"training part, set aside, is within {MARGIN:g} of the one before; it has {MOST} epochs for it, and "
        f"a model that is not back in them counts as {MOST + 1} in a mean.",
        "",
        "## Lesions",
        "",
        "digit-bags with 4 heads, trained for 10 epochs. What is lesioned is 0 and stays 0.",
        "",
        *lesions(seeds),
        "",
        "## Forgetting and re-learning",
        "",
        "### Bags",
        "",
        *forgetting([bags(0, seed) for seed in seeds], [bags(6, seed) for seed in seeds], 10),
        "",
        "### Digits",
        "",
        *forgetting([digits(range(5), n) for n in seeds], [digits(range(5, 10), n) for n in seeds], 12),
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds, from 0")
    parser.add_argument("--out", default=str(OUT), metavar="FILE.md", help="the file to write")
    args = parser.parse_args(argv)
    lines = report(range(args.seeds))
    print(*lines, sep="\n")
    write_text(args.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
