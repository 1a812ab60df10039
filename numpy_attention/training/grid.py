"""A grid of settings, and how sensitive the held-out loss is to each of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from .objective import Figures
from .report import format_loss
from .settings import Settings

DATA_SETTINGS = ("task", "seed", "digit", "csv", "label", "tokens", "npz", "strict", "text_file",
                 "code", "context", "patience", "locales", "wav")  # fmt: skip


class Point(NamedTuple):
    """One training of a grid."""

    settings: Settings
    figures: Figures
    """Of the learned model on the held-out part; NaN where training was not finite."""


def data_settings(settings: Settings) -> tuple[object, ...]:
    """The values of the settings on which the data depend."""
    return tuple(getattr(settings, name) for name in DATA_SETTINGS)


def grid_table(points: Sequence[Point], varied: Sequence[str]) -> tuple[list[str], list[list[object]]]:
    """Header and rows: the settings that vary, and the figures, empty where they are NaN."""
    rows: list[list[object]] = []
    for settings, figures in points:
        cells = ("" if math.isnan(figure) else figure for figure in figures)
        rows.append([*(getattr(settings, name) for name in varied), *cells])
    return [*varied, "held_out_loss", "held_out_accuracy"], rows


def format_point(settings: Settings, varied: Sequence[str]) -> str:
    """The settings that vary, as in "lr 0.001, hidden_dim 10"."""
    return ", ".join(f"{name} {_value(getattr(settings, name))}" for name in varied)


def sensitivity(points: Sequence[Point], varied: Sequence[str]) -> list[str]:
    """For each setting the mean held-out loss at each of its values, and the range of these means.

    Points whose training was not finite are left out, and counted.

    Examples
    --------
    >>> points = [
    ...     Point(Settings(lr=lr, heads=heads), Figures(loss, 0.9))
    ...     for lr, heads, loss in [(0.1, 1, 0.5), (0.1, 2, 0.7), (0.2, 1, 0.2), (0.2, 2, 0.2)]
    ... ]
    >>> print(*sensitivity(points, ["lr", "heads"]), sep="\\n")
    Mean held-out loss at each value of a setting, over all the others
      lr          0.1: 0.6000  0.2: 0.2000  from least to most 0.4000
      heads       1: 0.3500  2: 0.4500  from least to most 0.1000
    Least: 0.2000 at lr 0.2, heads 1. It was chosen by the held-out part, which flatters it.
    """
    finite = [point for point in points if math.isfinite(point.figures.loss)]
    width = max(10, *map(len, varied))
    lines = ["Mean held-out loss at each value of a setting, over all the others"]
    for name in varied:
        by_value: dict[object, list[float]] = {}
        for point in finite:
            by_value.setdefault(getattr(point.settings, name), []).append(point.figures.loss)
        means = {value: sum(losses) / len(losses) for value, losses in by_value.items()}
        cells = "  ".join(f"{_value(value)}: {format_loss(loss)}" for value, loss in means.items())
        apart = format_loss(max(means.values(), default=math.nan) - min(means.values(), default=math.nan))
        lines.append(f"  {name:<{width}}  {cells}  from least to most {apart}")
    if len(finite) < len(points):
        lines.append(f"Left out: {len(points) - len(finite)} that met a number that is not finite")
    if finite:
        best = min(finite, key=lambda point: point.figures.loss)
        lines.append(
            f"Least: {format_loss(best.figures.loss)} at {format_point(best.settings, varied)}. "
            "It was chosen by the held-out part, which flatters it."
        )
    return lines


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
