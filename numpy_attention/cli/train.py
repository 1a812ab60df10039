"""numpy-attention train: train a classifier, see the loss fall, and see where it looks."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files import write_csv
from ..tasks import DEFAULT_TASK, TASKS, load
from ..tasks.options import grid_settings
from ..tasks.run_data import reload_data
from ..training import run_folder
from ..training.cleaning import Prepared
from ..training.evaluation import Figures
from ..training.grid import Point, data_settings, format_point, grid_table, sensitivity
from ..training.loop import NotFinite, steps_per_epoch
from ..training.pictures import draw_pictures, require_matplotlib
from ..training.progress import progress
from ..training.report import (
    end_lines,
    epoch_line,
    format_loss,
    held_out_figures,
    held_out_lines,
    step_lines,
    verbose_lines,
)
from ..training.run import Run, run_epochs, start_run
from ..training.settings import CHOICES, Settings
from ..training.stopping import deferred_interrupt

NUMBERS = {
    "heads": (int, "N", "how many ways to score the tokens"),
    "hidden_dim": (int, "N", "features a token"),
    "epochs": (int, "N", "rounds through the training part"),
    "lr": (float, "X", "the learning rate"),
    "batch_size": (int, "N", "examples a step"),
    "seed": (int, "N", "decides everything that is drawn"),
    "clip": (float, "X", "shorten all gradients together to this length"),
    "digit": (int, "N", "of digit-bags: which digit to look for"),
}
NAMES = {
    "task": "what to learn; see numpy-attention list",
    "score": "how a token is scored",
    "optimizer": "how a step is made; momentum is SGD with momentum 0.9",
    "schedule": "of the learning rate; all but constant rise in the first tenth of the steps",
    "temperature": "learned: each head divides its scores by a number that it learns",
}
TEXTS = {
    "csv": ("FILE", "your own table: a header, one example a line"),
    "label": ("COLUMN", "with --csv: the column that holds the class"),
    "npz": ("FILE", "your own sequences: x (N, T, F), y (N,) and, if they differ, lengths (N,)"),
    "until": ("WHAT", "stop once the training part has accuracy=X, or loss=X"),
    "start_from": ("DIR", "go on from the parameters of this run, on other data"),
}
EPILOG = """
Defaults are those of digit-bags; numpy-attention list shows what other tasks start from.
Options that take a number or a name take several, too: --lr 1e-4,1e-3 --hidden-dim 10,50 trains all four, and
prints how sensitive the held-out loss is to each setting.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Name the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train an attention classifier and see where it looks",
        description=__doc__,
        epilog=EPILOG,
        allow_abbrev=False,
    )
    for name, told in NAMES.items():
        choices = ", ".join(TASKS if name == "task" else CHOICES[name])
        _add(parser, name, several(str), "NAME", f"{told}: {choices}{_default(name)}")
    for name, (kind, metavar, told) in NUMBERS.items():
        _add(parser, name, several(kind), metavar, told + _default(name))
    for name, (metavar, told) in TEXTS.items():
        _add(parser, name, lambda text: [text], metavar, told)
    _add(parser, "tokens", several(int), "T", "with --csv: how many tokens the columns fill, in order")
    parser.add_argument("--strict", action="store_const", const=[True], help="refuse missing values")
    add = parser.add_argument
    add("--config", metavar="FILE.json", help="settings from a file; options go before it")
    add("--out", metavar="DIR", help="keep the run in this folder; replaces a run that is there")
    add("--resume", metavar="DIR", help="go on with the run in this folder, as if it had never stopped")
    add("--verbose", action="store_true", help="print what every epoch does to the network")
    add("--plot", action="store_true", help="with --out: the loss curve and the attention map as pictures")
    parser.set_defaults(run=run)


def several(kind: type) -> Callable[[str], list[Any]]:
    """A reader of values with commas between them."""

    def read(text: str) -> list[Any]:
        return [kind(part) for part in text.split(",")]

    read.__name__ = kind.__name__  # argparse says it: invalid int value
    return read


def run(args: argparse.Namespace) -> int:
    """Train the model and what it is compared with, side by side; print, and keep what is asked."""
    if args.plot:
        if args.out is None and args.resume is None:
            raise ValueError("--plot needs --out DIR, where the pictures go")
        require_matplotlib()
    options = {name: getattr(args, name) for name in Settings._fields if getattr(args, name) is not None}
    if args.resume is not None:
        return resumed(args, options)
    grid, varied = grid_settings(options, args.config)
    if varied:
        return searched(args, grid, varied)
    (settings,) = grid
    out = None if args.out is None else run_folder.check_folder(args.out, TASKS)
    data = load(settings)
    first = start_run(TASKS[settings.task], settings, data, source_of(settings))
    print(*step_lines(first, data), "", sep="\n")
    return finished(first, data, out, args)


def resumed(args: argparse.Namespace, options: dict[str, Any]) -> int:
    """Go on with a run that was kept."""
    others = [name for name in (*options, "config", "out") if getattr(args, name) is not None]
    if others:
        told = "--" + others[0].replace("_", "-")
        raise ValueError(f"--resume goes on with the settings of the run; leave out {told}")
    folder = Path(args.resume)
    kept = run_folder.read_run(folder, TASKS)
    data = reload_data(kept)
    run_folder.check_folder(folder, TASKS)
    run_folder.write_text_files(folder, kept)
    print(*step_lines(kept, data), "", sep="\n")
    print(f"Resumed after epoch {kept.number} of {kept.settings.epochs}")
    return finished(kept, data, folder, args)


def source_of(settings: Settings) -> Run | None:
    """The run whose parameters are the start, if there is one."""
    return None if settings.start_from is None else run_folder.read_run(settings.start_from, TASKS)


def finished(start: Run, data: Prepared, out: Path | None, args: argparse.Namespace) -> int:
    """Train to the end, and print the held-out figures."""
    try:
        last = trained(start, data, out, loud=True, verbose=args.verbose)
    except NotFinite as error:
        print(f"numpy-attention: {error}", file=sys.stderr)
        return 1
    if args.plot and out is not None:
        draw_pictures(out, last, data)
    for line in end_lines(last):
        print("", line, sep="\n")
    print("", *held_out_lines(last, data), sep="\n")
    return 0


def trained(start: Run, data: Prepared, out: Path | None, *, loud: bool, verbose: bool) -> Run:
    """The run after its last epoch, kept after each; NotFinite and Ctrl-C say what is kept."""
    last = start
    batches = steps_per_epoch(start.settings, len(data.train.y)) * len(start.epochs)
    with (
        deferred_interrupt() as stop,
        progress(start.settings.epochs * batches, start.number * batches) as bar,
    ):
        try:
            for now in run_epochs(start, data, bar.on_step):
                if out is not None:
                    run_folder.save_run(out, now)
                last = now
                if loud:
                    bar.print(epoch_line(last), *(verbose_lines(last) if verbose else ()))
                if stop.requested:
                    raise KeyboardInterrupt
        except NotFinite as error:
            raise NotFinite(f"{error}; {what_is_kept(out, last.number)}") from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt(what_is_kept(out, last.number)) from None
    return last


def what_is_kept(out: Path | None, number: int) -> str:
    """What a run that ended early after so many epochs leaves behind, and where."""
    if out is None:
        return "nothing is kept, for no --out was given"
    if not number:
        return "nothing is kept, for no epoch was complete"
    return f"epoch {number} is kept in {out}"


def searched(args: argparse.Namespace, grid: list[Settings], varied: list[str]) -> int:
    """Train every point of a grid, and print how sensitive the held-out loss is to each setting."""
    out = None if args.out is None else Path(args.out)
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not empty; a grid takes a new folder, and makes one in it for each run")
    data = {what: load(settings) for settings in grid for what in [data_settings(settings)]}
    for number, settings in enumerate(grid, 1):  # what is asked wrongly is refused before anything is done
        start_run(TASKS[settings.task], settings, data[data_settings(settings)], source_of(settings))
        if out is not None:
            run_folder.check_folder(out / str(number), TASKS)
    print(f"{len(grid)} trainings: {', '.join(varied)}", flush=True)
    found: list[Point] = []
    for number, settings in enumerate(grid, 1):
        folder = None if out is None else out / str(number)
        found.append(judged(settings, data[data_settings(settings)], folder, args, varied))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            write_csv(out / "grid.csv", *grid_table(found, varied))
    print("", *sensitivity(found, varied), sep="\n")
    return 0


def judged(
    settings: Settings, data: Prepared, out: Path | None, args: argparse.Namespace, varied: list[str]
) -> Point:
    """Train one point of a grid, and print what it reaches."""
    told = format_point(settings, varied)
    try:
        start = start_run(TASKS[settings.task], settings, data, source_of(settings))
        last = trained(start, data, out, loud=args.verbose, verbose=args.verbose)
    except NotFinite as error:
        print(f"{told}: {error}", flush=True)
        return Point(settings, Figures(math.nan, math.nan))
    if args.plot and out is not None:
        draw_pictures(out, last, data)
    figures = next(iter(held_out_figures(last, data).values()))
    print(f"{told}: held-out loss {format_loss(figures.loss)}, accuracy {figures.accuracy:.4f}", flush=True)
    return Point(settings, figures)


def _add(
    parser: argparse.ArgumentParser, name: str, kind: Callable[[str], Any], metavar: str, told: str
) -> None:
    parser.add_argument("--" + name.replace("_", "-"), type=kind, metavar=metavar, help=told)


def _default(name: str) -> str:
    value = getattr(Settings(task=DEFAULT_TASK), name)
    return "" if value is None else f" (default: {value})"
