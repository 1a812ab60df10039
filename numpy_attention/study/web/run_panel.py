"""A replayed run as HTML: the loss, and three examples with weights and d_scores, epoch by epoch."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ...functional.base.admission import Array
from ..walk_data import plain
from .svg import bar, dot, line, path, svg, text
from .tables import number

if TYPE_CHECKING:
    from .replay import EpochView, Replay

CELL, TALL = 44, 60
"""Width of a token's column, and height of a weight of 1, in pixels."""

SIDE, LEVELS = 8, 4
"""Images of 8 by 8 pixels, drawn in four greys."""

WORDS = (
    "The training of this run, done again here and compared with its record bit by bit. Under each token "
    "stand its "
    "weight and, beneath the line, the gradient of its score: up, where the loss would rise with the score. "
    "As the "
    "model learns, weights move to where gradients pointed down, and the gradients die away."
)


def run_html(replay: "Replay") -> str:
    """The panel."""
    run, last = replay.run, replay.epochs[-1]
    question = run.task.question(run.settings, replay.data.raw)
    stop = "" if question.endswith("?") else "."
    examples = "".join(_example(replay, n, title, row) for n, (title, row) in enumerate(replay.shown.items()))
    slider = (
        f'<p id="epochs" hidden><label>Epoch <input id="epoch" type="range" min="0" '
        f'max="{len(replay.epochs) - 1}" '
        f'value="{len(replay.epochs) - 1}" step="1"></label> <output id="after" for="epoch"></output></p>'
    )
    return (
        f'<section class="panel" aria-labelledby="run"><h2 id="run">A run: {escape(run.settings.task)}, '
        f"{run.number} epochs</h2><p>{escape(question[:1].upper() + question[1:])}{stop} {WORDS}</p>"
        f'<div class="figures">{_losses(replay)}</div>{slider}<p class="skip">Shown: after epoch '
        f'<span id="shown-epoch">{last.number}</span>.</p>{examples}</section>'
    )


def run_data(replay: "Replay") -> dict[str, Any]:
    """What the script needs: every epoch shown."""
    return {
        "classes": list(replay.run.facts.classes),
        "epochs": [
            {name: plain(x) for name, x in view._asdict().items()} for view in replay.epochs
        ],
    }  # fmt: skip


def _losses(replay: "Replay") -> str:
    losses = [row["loss"] for row in replay.run.history]
    top, width, height = max(losses) or 1.0, 300, 120
    xs = np.linspace(34, width - 8, len(losses)).tolist() if len(losses) > 1 else [width / 2]
    points = [(x, 12 + (height - 34) * (1 - loss / top)) for x, loss in zip(xs, losses, strict=True)]
    shapes = [line((30, height - 22), (width - 4, height - 22), "axis"), path(points, "curve")]
    shapes += [dot(points[n], "q", 3) for n in (0, -1)]
    shapes += [
        text((2, points[0][1] + 4), f"{losses[0]:.2f}"),
        text((2, points[-1][1] + 4), f"{losses[-1]:.2f}"),
    ]
    shapes.append(text((width / 2, height - 6), f"epoch 1 to {len(losses)}", "m"))
    label = (
        f"The training loss falls from {number(losses[0])} to {number(losses[-1])} in {len(losses)} epochs"
    )
    return svg(width, height, label, shapes)


def _example(replay: "Replay", n: int, title: str, row: int) -> str:
    run, last = replay.run, replay.epochs[-1]
    classes, y = run.facts.classes, int(replay.data.test.y[row])
    shown = replay.data.raw.test.x[row]
    tokens = shown.shape[0]
    heads = f", averaged over {run.settings.heads} heads" if run.settings.heads > 1 else ""
    label = f"Example {row + 1}: weights and gradients of {tokens} tokens after epoch {last.number}"
    shapes = [*_images(shown), *_bars(last, n, _base(shown), _reach(replay, n))]
    drawing = svg(tokens * CELL, _base(shown) + 2 * TALL + 20, label, shapes, f"run example-{n}")
    return (
        f"<h3>{escape(title[:1].upper() + title[1:])}: example {row + 1}</h3><p>It is of the class "
        f"“{escape(classes[y])}”; "
        f'its probability there is <span class="probability" data-example="{n}" data-class="{y}">'
        f"{number(float(last.probabilities[n, y]))}</span>. Weights{heads}:</p>"
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">{drawing}</div>'
        f"<details><summary>Every epoch in numbers</summary>{_history(replay, n, 'weights')}"
        f"{_history(replay, n, 'd_scores')}</details>"
    )


def _base(shown: Array) -> int:
    """The height of the images above the bars."""
    return CELL if shown.shape[1] == SIDE * SIDE else 4


def _reach(replay: "Replay", n: int) -> float:
    return max(float(np.abs(view.d_scores[n]).max()) for view in replay.epochs) or 1.0


def _images(shown: Array) -> Iterator[str]:
    """Tokens of 64 numbers as images, dark where large; a path for each grey."""
    if shown.shape[1] != SIDE * SIDE:
        return
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    levels = np.floor((shown - low) / ((high - low) or 1.0) * (LEVELS + 0.999)).astype(int)
    for level in range(1, LEVELS + 1):
        squares = [
            f"M{t * CELL + 2 + 5 * (pixel % SIDE)} {2 + 5 * (pixel // SIDE)}h5v5h-5z"
            for t, pixel in np.argwhere(levels == level).tolist()
        ]
        yield f'<path class="ink{level}" d="{"".join(squares)}"/>'


def _bars(view: "EpochView", n: int, top: int, reach: float) -> Iterator[str]:
    base, tokens = top + TALL + 4, view.weights.shape[1]
    yield line((0, base), (tokens * CELL, base), "axis")
    yield line((0, base + TALL / 2 + 8), (tokens * CELL, base + TALL / 2 + 8), "axis")
    for t in range(tokens):
        yield bar(t * CELL + 8, base, CELL - 16, -TALL * float(view.weights[n, t]), "o weight")
        d = float(view.d_scores[n, t])
        kind = "d up" if d > 0 else "d down"
        yield bar(t * CELL + 8, base + TALL / 2 + 8, CELL - 16, -TALL / 2 * d / reach, kind)
        yield text(((t + 0.5) * CELL, base + TALL + 13), str(t + 1), "m")


def _history(replay: "Replay", n: int, field: str) -> str:
    tokens = replay.epochs[0].weights.shape[1]
    head = "".join(f"<th>{t + 1}" for t in range(tokens))
    rows = "".join(
        f"<tr><th>{view.number}" + "".join(f"<td>{number(float(x))}" for x in getattr(view, field)[n])
        for view in replay.epochs
    )
    name = "weights" if field == "weights" else "d_scores"
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name} by epoch"><table><caption>{name}, '
        f"a row for "
        f"each epoch, a column for each token</caption><tr><th>epoch{head}{rows}</table></div>"
    )
