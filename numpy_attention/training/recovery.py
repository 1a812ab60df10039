"""Recovery from a lesion: the figures before it, right after it and after each epoch, and when it was over.

The model has recovered after the first epoch whose figure is within `MARGIN` of that before the lesion: at
most so much lower where the metric is a share, and so large a part higher where it is a loss.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..functional.base.wording import counted
from .lesion import lesion_figures, lesioned
from .report import format_loss
from .run import LEARNED, LESION, Run
from .task import larger_is_better

MARGIN = 0.01


class Injury(NamedTuple):
    """The metric of the learned model on each part of the data; the first part decides on recovery."""

    before: dict[str, float]
    after: dict[str, float]
    """Right after the lesion"""


def injury_of(run: Run, data: Any) -> Injury | None:
    """The figures before and right after the lesion of a run; None without one."""
    lesion, objective, start = run.lesion, run.objectives()[LEARNED], run.starts[LEARNED]
    if lesion is None:
        return None
    both = (lesion_figures(run.task, objective, params, data) for params in (start, lesioned(start, lesion)))
    return Injury(*both)


def injury_lines(run: Run, injury: Injury | None) -> list[str]:
    """What the lesion was, and what it did; before training."""
    if injury is None or run.lesion is None:
        return []
    return [
        f"Lesion of {run.lesion.text}",
        f"{'Before':<15}  {figures_text(run, injury.before)}",
        f"{'Right after it':<15}  {figures_text(run, injury.after)}",
    ]


def figures_text(run: Run, figures: dict[str, float]) -> str:
    """As "accuracy 0.9310 (training), 0.9120 (held-out)", by the part of the data."""
    parts = ", ".join(f"{format_loss(x)} ({part})" for part, x in figures.items())
    return f"{run.task.metric} {parts}"


def epoch_text(run: Run) -> str:
    """The figures of the last epoch of a run with a lesion, as the end of its line; "" without one."""
    row = run.history[-1]
    figures = {name.partition(".")[2]: x for name, x in row.items() if name.startswith(f"{LESION}.")}
    return f", {figures_text(run, figures)}" if figures else ""


def epochs_to_recover(before: float, after: Sequence[float], *, share: bool) -> int | None:
    """The first place of a figure that is back; None if there is none.

    Parameters
    ----------
    before
        The figure before the lesion.
    after
        The figures right after it, and after each epoch.
    share
        True for a share, better when larger; False for a loss, better when smaller.

    Examples
    --------
    >>> epochs_to_recover(0.96, [0.5, 0.9, 0.955, 0.97], share=True)
    2
    >>> epochs_to_recover(0.2, [0.9, 0.21], share=False)
    """
    least, most = (before - MARGIN, float("inf")) if share else (0.0, before * (1 + MARGIN))
    return next((number for number, figure in enumerate(after) if least <= figure <= most), None)


def recovery_lines(run: Run, injury: Injury | None) -> list[str]:
    """After how many epochs the model had recovered, and what that means; nothing without a lesion."""
    if injury is None:
        return []
    (part, before), *_ = injury.before.items()
    share = larger_is_better(run.task)
    after = [injury.after[part], *(row[f"{LESION}.{part}"] for row in run.history)]
    number = epochs_to_recover(before, after, share=share)
    if number == 0:
        outcome = "Nothing to recover from"
    else:
        epochs = counted(run.number if number is None else number, "epoch")
        outcome = f"Not recovered in {epochs}" if number is None else f"Recovered after {epochs}"
    margin = f"within {MARGIN:g} of" if share else f"at most {MARGIN:.0%} above"
    before_text = f"the {run.task.metric} before, {format_loss(before)}"
    return [f"{outcome} ({margin} {before_text}, on the {part} part)"]
