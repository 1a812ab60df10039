"""The loss curve, the attention map and the sheet of images of a run, as PNG and SVG; needs matplotlib.

The same run gives the same bytes: the files hold no date.
"""

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_bytes
from .run import LEARNED, SCRATCH, Run
from .task import AttentionMap, Sheet

FORMATS = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def require_matplotlib(what: str = "--plot") -> None:
    """Raise ValueError, with the command that installs it, unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ValueError(f"{what} needs matplotlib: pip install 'numpy_attention[plot]'")


def draw_pictures(folder: Path, run: Run, data: Any) -> None:
    """Write loss.png, attention.png and, where the task has images, images.png, each as .svg too."""
    write_figure(folder, "loss", _loss(run))
    write_figure(folder, "attention", _attention(run.task.attention_map(run, data)))
    sheet = run.task.sheet(run, data)
    if sheet is not None:
        write_figure(folder, "images", _images(sheet))


def write_figure(folder: Path, name: str, figure: Any) -> None:
    """Write a figure as PNG and SVG; equal figures give equal bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "numpy_attention", "svg.fonttype": "none"}):
        for kind, metadata in FORMATS.items():
            file = io.BytesIO()
            figure.savefig(file, format=kind, metadata=metadata, dpi=120)
            write_bytes(folder / f"{name}.{kind}", file.getvalue())


def plain(text: str) -> str:
    """A text of which no part is a formula, as $…$ would be."""
    return text.replace("$", r"\$")


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
    rows, columns = ([plain(name) for name in names] for names in (shown.rows, shown.columns))
    axes.set(xlabel=shown.keys, yticks=np.arange(len(rows)), yticklabels=rows)
    axes.set(xticks=places, xticklabels=[columns[place] for place in places])
    axes.set_title(shown.title)
    figure.colorbar(image, ax=axes, label="weight")
    return figure


def _images(sheet: Sheet) -> Any:
    """The images in rows, with weights in colour and boxes over them."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    rows = -(-len(sheet.images) // sheet.columns)
    figure = Figure(figsize=(1.5 * sheet.columns, 0.5 + 1.7 * rows), layout="constrained")
    figure.suptitle(sheet.title, fontsize="medium")
    for place, image in enumerate(sheet.images):
        axes = figure.add_subplot(rows, sheet.columns, place + 1)
        down, across = image.shape
        axes.imshow(image, cmap="gray_r", extent=(0, across, down, 0), vmin=0)
        if sheet.heat is not None:
            axes.imshow(sheet.heat[place], cmap="viridis", alpha=0.6, vmin=0, extent=(0, across, down, 0))
        for box in sheet.boxes[place] if sheet.boxes else ():
            sides, style = (box.right - box.left, box.bottom - box.top), "-" if box.sure else ":"
            axes.add_patch(
                Rectangle((box.left, box.top), *sides, fill=False, edgecolor="C3", linestyle=style)
            )
            axes.text(box.left, box.top, plain(box.label), color="C3", fontsize="x-small", va="bottom")
        axes.set(xticks=[], yticks=[])
        axes.set_title(plain(sheet.titles[place]), fontsize="x-small")
    return figure
