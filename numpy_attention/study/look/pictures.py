"""What was looked at as PNG and SVG, by matplotlib.

maps        the weights of every head
gradients   weight x gradient of what is explained by the weight, in the same places
tokens      what is attributed to the tokens
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import cut
from ...training.pictures import FORMATS, plain, write_figure
from .lines import LONGEST_NAME
from .looked import Looked, Place, shares_of

MAPS, GRADIENTS, TOKENS = "maps", "gradients", "tokens"
FILES = tuple(f"{name}.{kind}" for name in (MAPS, GRADIENTS, TOKENS) for kind in FORMATS)
ACROSS = 4
"""Maps side by side."""
MOST_TICKS = 16


def draw(folder: Path, looked: Looked) -> None:
    """Write the maps and, where there are attributions, the tokens."""
    weights = [place.weights for place in looked.places]
    products = [place.weights * place.gradients for place in looked.places]
    figures = {
        MAPS: maps_figure(looked, weights, f"{looked.task}, example {looked.example}: {looked.answer}"),
        GRADIENTS: maps_figure(looked, products, f"weight x gradient of {looked.explained}"),
    }
    if looked.integrated is not None:
        figures[TOKENS] = tokens_figure(looked)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        write_figure(folder, name, figure)


def maps_figure(looked: Looked, numbers: Sequence[Array], title: str) -> Any:
    """Numbers (H, L, S) for each place: queries down, keys across; with negative ones, white is 0."""
    from matplotlib.figure import Figure

    maps = [
        (place, head, x)
        for place, own in zip(looked.places, numbers, strict=True)
        for head, x in enumerate(own)
    ]
    down = -(-len(maps) // ACROSS)
    height = 0.6 + 3 * down
    figure = Figure(figsize=(3.2 * ACROSS, height))
    figure.subplots_adjust(0.06, 0.6 / height, 0.98, 1 - 0.6 / height, wspace=0.25, hspace=0.35)
    figure.suptitle(plain(title), fontsize="medium")
    for number, (place, head, x) in enumerate(maps, 1):
        axes = figure.add_subplot(down, ACROSS, number)
        most = float(np.abs(x).max())
        colours = ("RdBu_r", -most) if (x < 0).any() else ("viridis", 0)
        axes.imshow(x, aspect="auto", cmap=colours[0], vmin=colours[1], vmax=most)
        name_ticks(axes, place)
        axes.set_title(f"{place.label}, head {head + 1}: to {most:.2g}", fontsize="x-small")
    return figure


def name_ticks(axes: Any, place: Place) -> None:
    """The names of queries and keys, some of them where there are many."""
    for axis, names in ((axes.yaxis, place.queries), (axes.xaxis, place.keys)):
        some = np.arange(len(names))[:: max(-(-len(names) // MOST_TICKS), 1)]
        axis.set_ticks(some, [plain(cut(names[place], LONGEST_NAME)) for place in some], fontsize="xx-small")
    axes.xaxis.set_tick_params(rotation=90)


def tokens_figure(looked: Looked) -> Any:
    """Integrated gradients of every token; below them what reaches the tokens that are read."""
    from matplotlib.figure import Figure

    assert looked.integrated is not None
    rows = []
    for place, attributions in enumerate(looked.integrated.attributions):
        rows.append((place, "integrated gradients", attributions))
        rows += [(place, f"{label}: {name}", shares) for label, name, shares in shares_of(looked, place)]
    figure = Figure(figsize=(10, 0.6 + 2 * len(rows)), layout="constrained")
    figure.suptitle(plain(f"{looked.explained}: {looked.value:.4f}"), fontsize="medium")
    for number, (place, title, shares) in enumerate(rows, 1):
        axes = figure.add_subplot(len(rows), 1, number)
        axes.bar(np.arange(len(shares)), shares)
        axes.axhline(0, color="black", linewidth=0.5)
        names = [plain(cut(name, LONGEST_NAME)) for name in looked.names[place]]
        axes.set_xticks(np.arange(len(names)), names, fontsize="xx-small", rotation=90)
        axes.set_title(title, fontsize="small")
    return figure
