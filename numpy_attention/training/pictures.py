"""The loss curve and the attention map of a run, as PNG and SVG; needs matplotlib.

The same run gives the same bytes: the files hold no date.
"""

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_bytes
from .run import LEARNED, SCRATCH, Run
from .task import AttentionMap

FORMATS = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def require_matplotlib() -> None:
    """Raise ValueError, with the command that installs it, unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'numpy_attention[plot]'")


def draw_pictures(folder: Path, run: Run, shown: AttentionMap) -> None:
    """Write loss.png, loss.svg, attention.png and attention.svg into the run's folder."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "numpy_attention", "svg.fonttype": "none"}):
        _write(folder, "loss", _loss(run))
        _write(folder, "attention", _attention(shown))


def _write(folder: Path, name: str, figure: Any) -> None:
    for kind, metadata in FORMATS.items():
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=metadata, dpi=120)
        write_bytes(folder / f"{name}.{kind}", file.getvalue())


def _loss(run: Run) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    numbers = [row["epoch"] for row in run.history]
    for name, objective in run.objectives().items():
        column = "loss" if name == LEARNED else f"{name}_loss"
        label = f"{objective.name}, scratch" if name == SCRATCH else objective.name
        style = ".-" if name == LEARNED else ".--"
        axes.plot(numbers, [row[column] for row in run.history], style, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    axes.legend()
    return figure


def _attention(shown: AttentionMap) -> Any:
    """The map, its rows from top to bottom."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.3 * len(shown.rows)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shown.weights, aspect="auto", cmap="viridis", vmin=0)
    places = np.arange(len(shown.columns))[:: max(len(shown.columns) // 16, 1)]
    # $…$ would be a formula
    rows, columns = ([name.replace("$", r"\$") for name in names] for names in (shown.rows, shown.columns))
    axes.set(xlabel=shown.keys, yticks=np.arange(len(rows)), yticklabels=rows)
    axes.set(xticks=places, xticklabels=[columns[place] for place in places])
    axes.set_title(shown.title)
    figure.colorbar(image, ax=axes, label="weight")
    return figure
