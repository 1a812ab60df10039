"""The default training run: the attention weights of one bag of ten digits, epoch by epoch."""

from typing import NamedTuple

import numpy as np

from benchmarks.figures.canvas import Figure
from numpy_attention.functional.base.admission import Array
from numpy_attention.study.web.run_panel import SIDE
from numpy_attention.study.web.svg import bar, text
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.classification.comparison import LEARNED, models_of
from numpy_attention.tasks.classification.evaluation import predict, probabilities
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.tasks.digit_bags import bags_to_show, largest_weight_hits
from numpy_attention.training.loop import train
from numpy_attention.training.run import start_run


class Found(NamedTuple):
    """After an epoch: a bag's weights (10,), its probability of a zero, and how often the zero has most."""

    epoch: int
    weights: Array
    probability: float
    hits: float


def found() -> tuple[Array, int, list[Found]]:
    """The images (10, 64) of the first held-out bag with a zero, the zero's place, and every epoch."""
    settings = with_defaults({"task": "digit-bags"})
    data = load(settings)
    run = start_run(TASKS[settings.task], settings, data)
    model, start, test = models_of(run)[LEARNED], run.epochs[LEARNED], data.raw.test
    epochs = [start, *train(Classifying(model), data.train, settings, after=start)]
    outcomes = [predict(model, epoch.params, data.test) for epoch in epochs]
    _, bag = bags_to_show(test, outcomes[-1].logits)[0]
    return (
        test.x[bag],
        int(np.asarray(test.decisive)[bag]),
        [
            Found(
                epoch.number,
                outcome.weights[bag, 0],
                float(probabilities(outcome.logits)[bag, 1]),
                float(largest_weight_hits(test, outcome.weights[:, 0]).mean()),
            )
            for epoch, outcome in zip(epochs, outcomes, strict=True)
        ],
    )


LEFT, TOP, ACROSS, DOWN, PIXEL = 92, 56, 54, 54, 4
"""Where the first image is drawn, from one to the next, and the size of a pixel."""

SHOWN = (0, 1, 2, 3, 5, 10)
"""The epochs drawn."""


def zero() -> Figure:
    """The bag, and a row for each epoch: the ten digits, as dark as their weights."""
    images, place, epochs = found()
    rows = [epochs[n] for n in SHOWN]
    columns = (726, ("probability", "of a zero")), (806, ("zero found,", "500 bags"))
    shapes = [_images(images), text((24, TOP + 20), "the bag", "small")]
    for x, words in columns:
        shapes += [text((x, TOP + 12 + 15 * k), each, "small r") for k, each in enumerate(words)]
    for n, each in enumerate((None, *rows)):
        y = TOP + DOWN * n
        for digit in range(len(images)):
            x = LEFT + ACROSS * digit
            weight = 1.0 if each is None else round(float(each.weights[digit]), 2)
            shapes.append(_digit(digit, x, y, 0.06 + 0.94 * weight))
            if each is not None and weight:
                kind = "cell strong" if digit == place else "cell soft"
                shapes.append(text((x + SIDE * PIXEL / 2, y + 44), f"{weight:.2f}", kind))
        if each is not None:
            shapes.append(text((24, y + 20), f"epoch {each.epoch}", "small"))
            for (x, _), share in zip(columns, (each.probability, each.hits), strict=True):
                shapes.append(text((x, y + 20), f"{share:.2f}", "r"))
    x, height = LEFT + ACROSS * place, DOWN * (len(rows) + 1)
    shapes.append(bar(x - 8, TOP - 8, SIDE * PIXEL + 16, height + 2, "mark"))
    shapes.append(text((x + SIDE * PIXEL / 2, TOP - 16), "the zero", "small strong o m"))
    first, last = rows[0], rows[-1]
    return Figure(
        820,
        TOP + height + 10,
        "How a model finds the zero in a bag of ten digits, over ten epochs",
        "Ten handwritten digits, one of them a zero, and below them the same digits after some epochs, each "
        "as dark as its attention weight. Before training the zero, outlined, has "
        f"{first.weights[place]:.2f} of the weight, after epoch {last.epoch} {last.weights[place]:.2f}. In "
        f"{first.hits:.2f} of the held-out bags that hold a zero it has the largest weight before training, "
        f"in {last.hits:.2f} after. No label said which digit it is.",
        tuple(shapes),
    )


def _digit(digit: int, x: int, y: int, opacity: float) -> str:
    return f'<use href="#digit{digit}" x="{x}" y="{y}" opacity="{opacity:.2f}"/>'


def _images(images: Array) -> str:
    """Each image once, to be drawn by name: a path for each of four greys."""
    levels = np.ceil(images / images.max() * 4).astype(int)
    drawn = ""
    for digit, image in enumerate(levels):
        paths = ""
        for level in range(1, 5):
            pixels = np.flatnonzero(image == level).tolist()
            squares = (f"M{PIXEL * (n % SIDE)} {PIXEL * (n // SIDE)}h4v4h-4z" for n in pixels)
            paths += f'<path class="ink" fill-opacity="{level / 4:g}" d="{"".join(squares)}"/>'
        drawn += f'<g id="digit{digit}">{paths}</g>'
    return f"<defs>{drawn}</defs>"
