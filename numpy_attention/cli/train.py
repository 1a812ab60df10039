"""numpy-attention train: train a model with attention, print its loss and show where it looks."""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

from ..files import refuse_overwriting, write_csv
from ..tasks import TASKS, load
from ..tasks.forgetting import forgetting_lines
from ..tasks.options import grid_settings
from ..tasks.run_data import reload_data
from ..training import run_folder
from ..training.agreement import agreement_lines
from ..training.folder_lock import only_writer
from ..training.grid import Point, data_settings, format_point, grid_table, sensitivity
from ..training.interrupt import deferred_interrupt
from ..training.loop import Compute, NotFinite, steps_per_epoch
from ..training.objective import Figures
from ..training.pictures import draw_pictures, require_matplotlib
from ..training.progress import progress
from ..training.records import drift_lines
from ..training.recovery import epoch_text, injury_lines, injury_of, recovery_lines
from ..training.report import end_lines, epoch_line, format_loss, verbose_lines
from ..training.run import LEARNED, Run, run_epochs, start_run
from ..training.settings import FILES, Settings
from .train_options import add_options as add_options
from .workers import check_parts, check_worker_options, in_parts, shared


def run(args: argparse.Namespace) -> int:
    """Train one run or a grid, or resume a run; print its figures, and keep it if --out is given."""
    check_worker_options(args)
    if args.plot:
        if args.out is None and args.resume is None:
            raise ValueError("--plot needs --out DIR, the folder for the pictures")
        require_matplotlib()
    options = {name: getattr(args, name) for name in Settings._fields if getattr(args, name) is not None}
    if args.drop is not None:
        options["drop"] = [",".join(args.drop)]
    if args.resume is not None:
        return resume_run(args, options)
    grid, varied = grid_settings(options, args.config)
    if args.out is not None:
        read = (args.config, *(getattr(grid[0], name) for name in FILES))
        refuse_overwriting([args.out, *run_folder.own_files(args.out)], read)
    if varied:
        with shared(args) as (compute, workers):
            return train_grid(args, [in_parts(settings, workers) for settings in grid], varied, compute)
    (settings,) = grid
    out = None if args.out is None else run_folder.check_folder(args.out, TASKS)
    with shared(args) as (compute, workers), only_writer(out):
        settings = in_parts(settings, workers)
        source = source_run(settings)
        data = load(settings, source=facts_of(source))
        first = start_run(TASKS[settings.task], settings, data, source)
        print(*first.task.step_lines(first, data, source), "", sep="\n")
        return finish_run(first, data, out, args, compute)


def resume_run(args: argparse.Namespace, options: dict[str, Any]) -> int:
    """Continue a kept run to its last epoch."""
    others = [name for name in (*options, "config", "out") if getattr(args, name) is not None]
    if others:
        option = "--" + others[0].replace("_", "-")
        raise ValueError(f"--resume uses the settings of the run; leave out {option}")
    folder = Path(args.resume)
    check_parts(args, run_folder.read_run(folder, TASKS).settings)  # raises unless there is a run
    with shared(args) as (compute, _), only_writer(run_folder.check_folder(folder, TASKS)):
        kept, data = reload_data(run_folder.read_run(folder, TASKS), folder)
        run_folder.write_text_files(folder, kept)
        print(*kept.task.step_lines(kept, data), "", sep="\n")
        print(f"Resumed after epoch {kept.number} of {kept.settings.epochs}")
        return finish_run(kept, data, folder, args, compute)


def source_run(settings: Settings) -> Run | None:
    """The run named by `start_from`, if any."""
    return None if settings.start_from is None else run_folder.read_run(settings.start_from, TASKS)


def facts_of(source: Run | None) -> Any:
    """What a run knows of its data; None for no run."""
    return None if source is None else source.facts


def finish_run(
    start: Run, data: Any, out: Path | None, args: argparse.Namespace, compute: Compute | None
) -> int:  # fmt: skip
    """Train to the last epoch and print the held-out figures; return the exit status."""
    began, injury = run_folder.Began.now(), injury_of(start, data)
    for line in injury_lines(start, injury):
        print(line)
    try:
        last = train_run(
            start, data, out, loud=True, verbose=args.verbose, time_limit=args.time_limit, compute=compute
        )
    except NotFinite as error:
        print(f"numpy-attention: {error}", file=sys.stderr)
        return 1
    if args.plot and out is not None:
        draw_pictures(out, last, data)
    for line in [*end_lines(last), *forgetting_lines(last), *recovery_lines(last, injury)]:
        print("", line, sep="\n")
    if args.verbose:
        learned = last.epochs[LEARNED].params
        drift = drift_lines(learned, last.starts[LEARNED], last.history[-1])
        print(*drift, *agreement_lines(last, data), sep="\n")
    rows = last.task.held_out(last, data)
    if out is not None:
        run_folder.write_result(out, last, rows, began)
    print("", *last.task.held_out_lines(last, data, rows), sep="\n")
    return 0


def train_run(
    start: Run, data: Any, out: Path | None, *, loud: bool, verbose: bool, time_limit: float | None = None,
    compute: Compute | None = None,
) -> Run:  # fmt: skip
    """The run after its last epoch, saved after each; NotFinite and Ctrl-C report the epoch that is kept.

    With a time limit, the run after the last epoch before which another one like it would not have fitted.
    """
    last, begun, before, longest = start, time.monotonic(), 0.0, 0.0
    batches = steps_per_epoch(start.settings, data.train.size) * len(start.epochs)
    with (
        deferred_interrupt() as stop,
        progress(start.settings.epochs * batches, start.number * batches) as bar,
    ):
        try:
            for now in run_epochs(start, data, bar.on_step, compute):
                if out is not None:
                    run_folder.save_numbers(out, now)
                last = now
                if out is not None:
                    run_folder.write_text_files(out, now)
                if loud:
                    bar.print(epoch_line(last) + epoch_text(last), *(verbose_lines(last) if verbose else ()))
                if stop.requested:
                    raise KeyboardInterrupt
                spent = time.monotonic() - begun
                longest = max(longest, spent - before)
                before = spent
                if time_limit is not None and spent + longest > time_limit:
                    break
        except NotFinite as error:
            raise NotFinite(f"{error}; {kept_message(out, last.number)}") from None
        except OSError as error:
            message = f"{error.strerror or error}; {kept_message(out, last.number)}"
            raise OSError(error.errno, message, error.filename) from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt(kept_message(out, last.number)) from None
    return last


def kept_message(out: Path | None, number: int) -> str:
    """The epoch that a run kept when it ended early after `number` epochs, and its folder."""
    if out is None:
        return "nothing is kept, because --out was not given"
    if not number:
        return "nothing is kept, because no epoch was complete"
    return f"epoch {number} is kept in {out}"


def train_grid(
    args: argparse.Namespace, grid: list[Settings], varied: list[str], compute: Compute | None
) -> int:  # fmt: skip
    """Train every point of a grid and print the sensitivity of the held-out loss to each setting."""
    out = None if args.out is None else Path(args.out)
    if out is not None and out.exists() and not (out.is_dir() and run_folder.is_empty(out)):
        raise ValueError(f"{out} is not empty; a grid needs a new folder, with a subfolder for each run")
    with only_writer(out):
        return train_points(args, grid, varied, out, compute)


def train_points(
    args: argparse.Namespace, grid: list[Settings], varied: list[str], out: Path | None,
    compute: Compute | None,
) -> int:  # fmt: skip
    """Train the points of a grid in a folder that no other training writes to."""
    source = source_run(grid[0])
    keys = {data_settings(settings): settings for settings in grid}
    data = {key: load(settings, source=facts_of(source)) for key, settings in keys.items()}
    for number, settings in enumerate(grid, 1):  # raises for wrong settings before any training
        start_run(TASKS[settings.task], settings, data[data_settings(settings)], source)
        if out is not None:
            run_folder.check_folder(out / str(number), TASKS)
    print(f"{len(grid)} trainings: {', '.join(varied)}", flush=True)
    trained: list[Point] = []
    for number, settings in enumerate(grid, 1):
        folder = None if out is None else out / str(number)
        own = data[data_settings(settings)]
        trained.append(train_point(settings, own, folder, args, varied, compute))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            write_csv(out / "grid.csv", *grid_table(trained, varied))
    print("", *sensitivity(trained, varied), sep="\n")
    return 0


def train_point(
    settings: Settings, data: Any, out: Path | None, args: argparse.Namespace, varied: list[str],
    compute: Compute | None,
) -> Point:  # fmt: skip
    """Train one point of a grid and print its held-out figures."""
    label = format_point(settings, varied)
    try:
        start = start_run(TASKS[settings.task], settings, data, source_run(settings))
        with only_writer(out):
            began = run_folder.Began.now()
            last = train_run(
                start, data, out, loud=args.verbose, verbose=args.verbose, time_limit=args.time_limit,
                compute=compute,
            )  # fmt: skip
            rows = last.task.held_out(last, data)
            if out is not None:
                run_folder.write_result(out, last, rows, began)
    except NotFinite as error:
        print(f"{label}: {error}", flush=True)
        return Point(settings, Figures(math.nan, math.nan))
    if args.plot and out is not None:
        draw_pictures(out, last, data)
    figures = next(iter(rows.values()))
    measured = f"{last.task.measure} {figures.accuracy:.4f}"
    recovered = "".join(f"; {line}" for line in recovery_lines(last, injury_of(start, data)))
    print(f"{label}: held-out loss {format_loss(figures.loss)}, {measured}{recovered}", flush=True)
    return Point(settings, figures)
