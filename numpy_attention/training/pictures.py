"""The loss curve and the attention map of a run, as PNG and SVG; needs matplotlib.

The same run gives the same bytes: the files hold no date.
"""

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_bytes
from ..functional.base.admission import Array
from ..functional.base.wording import cut
from .cleaning import Prepared
from .comparison import LEARNED, SCRATCH
from .evaluation import predict
from .run import Run

FORMATS = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
MAX_ROWS = 12
"""Examples in the attention map."""


def require_matplotlib() -> None:
    """Raise ValueError, with the command that installs it, unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'numpy_attention[plot]'")


def draw_pictures(folder: Path, run: Run, data: Prepared) -> None:
    """Write loss.png, loss.svg, attention.png and attention.svg into the run's folder."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "numpy_attention", "svg.fonttype": "none"}):
        _write(folder, "loss", _loss(run))
        _write(folder, "attention", _attention(run, data))


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
    for name, model in run.models().items():
        column = "loss" if name == LEARNED else f"{name}_loss"
        label = f"{model.name}, scratch" if name == SCRATCH else model.name
        style = ".-" if name == LEARNED else ".--"
        axes.plot(numbers, [row[column] for row in run.history], style, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    axes.legend()
    return figure


def _attention(run: Run, data: Prepared) -> Any:
    """A few held-out examples, one per row, ordered by class."""
    from matplotlib.figure import Figure

    predictions = predict(run.models()[LEARNED], run.epochs[LEARNED].params, data.test)
    weights, y = predictions.weights.mean(axis=1), data.test.y  # over heads: (N, T)
    rows = some_of_each(y)
    classes = [cut(name).replace("$", r"\$") for name in data.raw.classes]  # $…$ would be a formula
    labels = [f"{row + 1}: {classes[int(y[row])]}" for row in rows]
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(weights[rows], aspect="auto", cmap="viridis", vmin=0)
    tokens = np.arange(weights.shape[1])[:: max(weights.shape[1] // 16, 1)]
    axes.set(xlabel="token", yticks=np.arange(len(rows)), yticklabels=labels)
    axes.set(xticks=tokens, xticklabels=tokens + 1)
    axes.set_title("attention weights of held-out examples")
    figure.colorbar(image, ax=axes, label="weight")
    return figure


def some_of_each(y: Array, most: int = MAX_ROWS) -> list[int]:
    """Rows of the first examples of each class, equally many of each, ordered by class.

    Examples
    --------
    >>> some_of_each(np.array([1.0, 0.0, 0.0, 0.0, 1.0]), most=4)
    [1, 2, 0, 4]
    """
    present = np.unique(y)
    share = max(most // len(present), 1)
    return [int(row) for label in present for row in np.flatnonzero(y == label)[:share]]
