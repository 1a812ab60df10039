"""draw-digit: a handwritten digit, pixel by pixel: which grey value comes next, given the class?

The model is a language model: its first symbol is the class, then come the pixels row by row, 17 grey values.
The first 898 images train, the other 899 are held out; of images of your own a fifth of each class is. In
every epoch half of the training images are slightly distorted and say so by another first symbol
(distribution augmentation: Jun et al. 2020); one in ten of the others does not name its class. What is drawn
leans away from what would be drawn without a class (classifier-free guidance: Ho and Salimans 2022):

    logits = logits given the class + GUIDANCE * (logits given the class - logits without)

The defaults were chosen on a fifth of the 898, training on the others.
"""

import math
from typing import Any, NamedTuple, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...nn import sampling
from ...nn.parameters import Params
from ...optim.trees import mapped
from ...training.objective import Figures, Outcome
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Sheet
from ..distortion import distorted
from ..drawing import draw_image
from ..hold_out import validation_rows
from ..images import image_parts, nearest
from ..model_task import ModelTask, PlainFacts, plain_form
from ..words.examples import JudgedRows, Windows
from ..words.objectives import NextToken
from ..words.text import last_weights
from .pixel_baselines import CONTEXTS, probabilities

LEVELS = 17
"""Grey values, from 0."""
LONGEST_SIDE = 16
DISTORTED, UNNAMED = 0.5, 0.1
"""Shares of the training images that are distorted; of the others, that do not name their class."""
GUIDANCE = 1.0
DRAWN = 500
"""Images that are drawn and named, at least; two of each class."""
LN2 = math.log(2)


class DrawingData(NamedTuple):
    """Images as rows of symbols, and the images themselves."""

    train: Windows
    validation: Windows | None
    test: Windows
    grey: tuple[Array, Array]
    """The images (N, side, side) of the training and of the held-out part, grey values 0-16"""
    y: tuple[Array, Array]
    """Their classes (N,)"""
    classes: tuple[str, ...]
    cleaned: str


def rows_of(grey: Array, first: Array) -> Windows:
    """Images (N, …) as windows of a first symbol (N,) and the pixels.

    Examples
    --------
    >>> rows_of(np.arange(8).reshape(2, 2, 2), np.array([17, 18])).rows
    array([[17,  0,  1,  2,  3],
           [18,  4,  5,  6,  7]])
    """
    pixels = grey.reshape(len(grey), -1).astype(np.int64)
    ids = np.concatenate([np.asarray(first, dtype=np.int64)[:, None], pixels], axis=1)
    return Windows(ids.ravel(), np.arange(len(ids)) * ids.shape[1], pixels.shape[1])


def load_data(settings: Settings, facts: PlainFacts | None) -> DrawingData:
    """The images in 17 grey values; with patience, a tenth of the training part validates."""
    train, test, classes = image_parts(settings, LONGEST_SIDE)
    grey = [np.rint(part.x * (LEVELS - 1)) for part in (train, test)]
    own, validation = np.arange(len(train.y)), None
    if settings.patience is not None:
        own, judging = validation_rows(settings.seed, len(own))
        validation = rows_of(grey[0][judging], LEVELS + train.y[judging])
    return DrawingData(
        rows_of(grey[0][own], LEVELS + train.y[own]),
        validation,
        rows_of(grey[1], LEVELS + test.y),
        (grey[0][own].astype(np.int64), grey[1].astype(np.int64)),
        (train.y[own].astype(np.int64), test.y.astype(np.int64)),
        classes,
        f"{len(own)} images to train on, {LEVELS} grey values; {len(test.y)} held out",
    )


def resampled(rng: np.random.Generator, settings: Settings, data: DrawingData) -> Windows:
    """The training images of one epoch: half of them distorted, some without their class."""
    size, K = data.train.size, len(data.classes)
    grey, y = data.grey[0][:size], data.y[0][:size]
    changed, unnamed = rng.random(len(y)) < DISTORTED, rng.random(len(y)) < UNNAMED
    other = distorted(rng, grey.reshape(len(y), -1)).reshape(grey.shape)
    pixels = np.where(changed[:, None, None], np.clip(np.rint(other), 0, LEVELS - 1), grey)
    return rows_of(pixels, LEVELS + np.where(changed, K + y, np.where(unnamed, 2 * K, y)))


class NextPixel(NextToken):
    """The cross-entropy of the pixels in bits."""

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "pixel by pixel"

    def loss_and_gradients(self, params: Params, batch: JudgedRows, seed: int) -> Outcome:
        """The outcome of a batch."""
        outcome = super().loss_and_gradients(params, batch, seed)
        d_params = mapped(lambda x: x / LN2, outcome.d_params)
        return outcome._replace(loss=outcome.loss / LN2, d_params=d_params)

    def figures(self, params: Params, examples: JudgedRows) -> Figures:
        """Bits a pixel, and the share of pixels whose likeliest grey value is right."""
        figures = super().figures(params, examples)
        return figures._replace(loss=figures.loss / LN2)


def model(settings: Settings, facts: PlainFacts) -> NextPixel:
    """A language model of grey values, after one symbol for each class, distorted or not, and one for any."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    width, side, classes = settings.hidden_dim, facts.values["side"], facts.values["classes"]
    return NextPixel(
        nn.LanguageModel(
            LEVELS + 2 * classes + 1,
            width,
            settings.heads,
            layers,
            side * side,
            hidden=2 * width,
            dropout=dropout,
        )
    )


def guided(given: Array, without: Array) -> Array:
    """Logits that lean from those without a class towards those given the class."""
    return np.asarray(given + GUIDANCE * (given - without))


def draw(run: Run, classes: Array, seed: int = 0) -> Array:
    """An image (N, side, side) of each class (N,), drawn from the run's model with guidance."""
    objective: Any = run.objectives()[LEARNED]
    network, side, rng = objective.model, run.facts.values["side"], stream(run.settings.seed, EXAMPLES, seed)
    free = np.full(len(classes), 2 * run.facts.values["classes"])
    ids, cache, pixels = LEVELS + np.concatenate([classes, free])[:, None], network.cache(), []
    for _ in range(side * side):
        logits = network.forward(run.params, ids, cache=cache)[0][:, -1, :LEVELS]
        given, without = np.split(logits.astype(np.float64), 2)
        p = sampling.next_token_probabilities(guided(given, without))
        pixels.append(sampling.draw(p, rng)[:, None])
        ids = np.concatenate([pixels[-1], pixels[-1]])
    return np.concatenate(pixels, axis=1).reshape(-1, side, side)


def baselines(settings: Settings, data: DrawingData) -> dict[str, Figures]:
    """Bits a pixel of counts: by class and place, and by three neighbours."""
    rows = {}
    for name, contexts in CONTEXTS.items():
        seen, sought = (contexts(grey, y) for grey, y in zip(data.grey, data.y, strict=True))
        p = probabilities(seen, data.grey[0], sought, LEVELS)
        own = np.take_along_axis(p, data.grey[1][..., None], axis=-1)
        right = (p.argmax(axis=-1) == data.grey[1]).mean()
        rows[name] = Figures(float(-np.log2(own).mean()), float(right))
    return rows


def report(run: Run, data: DrawingData, rows: dict[str, Figures]) -> list[str]:
    """How many of the drawn images are named right, how far they are from the training images, and a few."""
    K = len(data.classes)
    classes = np.arange(max(DRAWN, 2 * K)) % K
    images = draw(run, classes)
    named, real = (
        (data.y[1][nearest(grey, data.grey[1])[0]] == y).mean()
        for grey, y in ((images, classes), (data.grey[0], data.y[0]))
    )
    own, held = (np.median(nearest(grey, data.grey[0])[1]) for grey in (images, data.grey[1]))
    lines = [
        f"Bits a pixel; {len(images)} images drawn, named by the nearest held-out image: {named:.3f} right, "
        f"of the real training images {real:.3f}",
        f"Median distance to the nearest training image: {own:.1f} of the drawn, {held:.1f} of the held-out",
    ]
    across = min(K, 10)
    for first in (0, K):
        lines += ["", *(line.rstrip() for line in draw_image(np.hstack([*images[first : first + across]])))]
    return lines


def drawn(run: Run, data: DrawingData) -> Sheet:
    """Five drawn images of each class."""
    K = len(data.classes)
    classes = np.arange(5 * K) % K
    titles = tuple(data.classes[place] for place in classes)
    return Sheet(draw(run, classes), titles, "Drawn pixel by pixel, given the class", columns=min(K, 10))


def show(run: Run, data: DrawingData) -> AttentionMap:
    """What a few pixels of the first held-out image attend to in the last layer, mean of all heads."""
    objective: Any = run.objectives()[LEARNED]
    ids, side = data.test.rows[0, :-1], data.grey[1].shape[1]
    weights = last_weights(objective.model, run.params, ids).mean(axis=0)
    rows = np.linspace(0, len(ids) - 1, min(len(ids), 12)).astype(int)
    places = [f"{place // side + 1},{place % side + 1}" for place in range(len(ids))]
    return AttentionMap(
        weights[rows],
        tuple(f"for {places[row]}" for row in rows),
        ("class", *places[:-1]),
        "Attention of the last layer, mean of all heads",
        keys="pixel: row, column",
    )


DRAW_DIGIT = ModelTask(
    name="draw-digit",
    question=lambda settings, data: "a digit pixel by pixel; which grey value comes next, given the class?",
    load_data=load_data,
    facts_form=plain_form(
        lambda settings, data: {"side": int(data.grey[0].shape[1]), "classes": len(data.classes)},
        side=int,
        classes=int,
    ),
    features=lambda data: f"{data.train.length} pixels of {LEVELS} grey values, after the class",
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    defaults={
        "epochs": 50,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.1,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "schedule": "cosine",
        "lr": 0.004,
        "clip": 1.0,
    },
    metric="bits a pixel",
    own_settings=("layers", "dropout", "npz"),
    baselines=baselines,
    resampled=resampled,
)
