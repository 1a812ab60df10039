"""The lines that every run prints: each epoch, what ended it, and its settings in words."""

import math
from textwrap import wrap

from ..functional.base.wording import counted
from .run import SCRATCH, Run, first_epoch_at_scratch_loss
from .settings import Settings, parse_until

LINE_WIDTH = 100
NO_BREAK = "\N{NO-BREAK SPACE}"
"""Stands between a name and its number while lines are wrapped."""

KINDS = {"focus": "focus", "alike": "alike", "temperature": "temperature", "alpha": "alpha", "span": "span",
         "moved": "moved", "moved_in_epoch": "this epoch"}  # fmt: skip
"""The kinds of records, and what they are called where they are printed."""


def format_loss(loss: float) -> str:
    """A loss to four places, from a million on in scientific notation; "-" for NaN."""
    if math.isnan(loss):
        return "-"
    return f"{round(loss, 4) + 0.0:.4f}" if loss < 1e6 else f"{loss:.4e}"


def epoch_line(run: Run) -> str:
    """The line of the last epoch: its loss, and that of the validation part if there is one."""
    last = run.history[-1]
    line = f"Epoch [{run.number}/{run.settings.epochs}], Loss: {format_loss(last['loss'])}"
    validation = last.get("validation_loss")
    return line if validation is None else f"{line}, validation {format_loss(validation)}"


def verbose_lines(run: Run) -> list[str]:
    """The records of the last epoch, one paragraph per kind: see `records`."""
    last = run.history[-1]
    lines = []
    for kind, label in KINDS.items():
        values = {name.partition(".")[2]: x for name, x in last.items() if name.startswith(f"{kind}.")}
        if values:
            cells = ", ".join(
                f"{name}{NO_BREAK}{'-' if math.isnan(x) else f'{x:.3f}'}" for name, x in values.items()
            )
            page = wrap(cells, LINE_WIDTH, initial_indent=f"  {label:<11}  ", subsequent_indent=" " * 15)
            lines += [line.replace(NO_BREAK, " ") for line in page]
    return lines


def end_lines(run: Run) -> list[str]:
    """What ended the run early, which epoch was the best, and the outcome of `until` and `start_from`."""
    settings, lines = run.settings, []
    if not run.done:
        lines.append(f"The time limit ended training after {epochs_text(run.number)} of {settings.epochs}")
    if run.best_number is not None:
        least = format_loss(run.history[run.best_number - 1]["validation_loss"])
        ended = f", and not lower in the {settings.patience} after it" * run.exhausted
        lines.append(f"The validation loss was least after epoch {run.best_number}, {least}{ended}; "
                     "the figures are those of that epoch")  # fmt: skip
    if settings.until is not None:
        name, _ = parse_until(settings.until)
        outcome = "reached after" if run.reached else "not reached in"
        now = f"{run.history[-1][name]:.4f}"
        lines.append(f"{settings.until} of the training part was {outcome} {epochs_text(run.number)}: {now}")
    if settings.start_from is not None:
        goal = format_loss(run.history[-1][f"{SCRATCH}_loss"])
        number = first_epoch_at_scratch_loss(run.history)
        outcome = (
            f"reached after {epochs_text(number)}" if number else f"not reached in {epochs_text(run.number)}"
        )
        lines.append(
            f"From {settings.start_from}: the loss {goal}, where a start from scratch ends, was {outcome}"
        )
    return lines


def optimizer_text(settings: Settings) -> str:
    """Name, learning rate, schedule and clipping, as \"Adam with lr 0.001\"."""
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "momentum": "SGD with momentum"}
    text = f"{names[settings.optimizer]} with lr {settings.lr:g}"
    if settings.schedule != "constant":
        text += f", {settings.schedule} schedule"
    return text if settings.clip is None else f"{text}, clipped at {settings.clip:g}"


def epochs_text(number: int) -> str:
    """\"1 epoch\", \"2 epochs\"."""
    return counted(number, "epoch")
