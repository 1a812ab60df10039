"""find-digit: two to four handwritten digits among strokes; which are there, and where?

A detector with one learned query for each of ten classes reads a canvas of 32 x 32 pixels as 64 overlapping
windows. Each query answers whether its class is there, and with a box. Canvases are drawn: for training, anew
for every epoch and with up to seven digits, from the first 898 images, most of them slightly distorted; those
held out from the other 899, or of images of your own from a fifth of each class. The figure is the mean
average precision at an IoU of 0.5, beside template matching. Settings were compared on canvases from the last
third of the 898, training on the others.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import cut
from ...training.objective import Figures
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Box, Sheet
from ..distortion import distorted
from ..drawing import canvas_lines
from ..images import image_parts, windows
from ..model_task import ModelTask, PlainFacts, plain_form
from .canvas import CANVAS, Canvases, drawn_canvases
from .detection import OVERLAP, STEP, WINDOW, Detecting, Found, mean_average_precision, right_boxes
from .template_matching import matched, templates_of

LONGEST_SIDE = 16
"""Of images of your own."""
TRAINING_CANVASES, JUDGED_CANVASES = 1000, 300
"""Canvases of an epoch; of the held-out part, and of the part by which thresholds are chosen."""
MOST_IN_TRAINING = 7
"""Digits on a canvas of training: the more there are, the faster the model learns what they look like."""
DISTORTED = 0.8
"""The share of the training images that are slightly distorted in an epoch."""
SHOWN = 10
"""Canvases of the picture."""
QUERY, TEMPLATES = "one query a class", "template matching"
PRECISION = "mean average precision"


class FindingData(NamedTuple):
    """Canvases, and the images from which they are drawn."""

    train: Canvases
    test: Canvases
    tuning: Canvases
    """Of training images: thresholds are chosen on it"""
    images: Array
    """(N, side, side) those to train on, grey values 0-1"""
    y: Array
    """(N,) their classes"""
    classes: tuple[str, ...]
    validation: Canvases | None = None
    cleaned: str = (
        f"canvases of {CANVAS} x {CANVAS}, drawn anew in every epoch; held-out ones from held-out digits"
    )


def load_data(settings: Settings, facts: PlainFacts | None) -> FindingData:
    """Canvases of training and of held-out digits; with patience, those that choose thresholds validate.

    Raises
    ------
    ValueError
        If a class has one image, or as `read_images`.
    """
    train, test, classes = image_parts(settings, LONGEST_SIDE)
    lone = next((name for label, name in enumerate(classes) if label not in test.y), None)
    if lone is not None:
        raise ValueError(
            f"{settings.npz}: class {lone} has one image; two or more are expected, for one is held out"
        )
    sizes = (TRAINING_CANVASES, train), (JUDGED_CANVASES, test), (JUDGED_CANVASES, train)
    train_part, test_part, tuning = (
        drawn_canvases(stream(settings.seed, EXAMPLES, part), images.x, images.y, len(classes), size)
        for part, (size, images) in enumerate(sizes, 1)
    )
    validation = None if settings.patience is None else tuning
    return FindingData(train_part, test_part, tuning, train.x, train.y, classes, validation)


def resampled(rng: np.random.Generator, settings: Settings, data: FindingData) -> Canvases:
    """The canvases of one epoch."""
    changed = np.clip(distorted(rng, data.images.reshape(len(data.y), -1)), 0, 1).reshape(data.images.shape)
    images = np.where(rng.random(len(data.y))[:, None, None] < DISTORTED, changed, data.images)
    return drawn_canvases(rng, images, data.y, len(data.classes), data.train.size, MOST_IN_TRAINING)


def model(settings: Settings, facts: PlainFacts) -> Detecting:
    """A detector with a query for each class."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    width, side = settings.hidden_dim, CANVAS // STEP
    return Detecting(
        nn.Detector(
            WINDOW**2,
            (side, side),
            width,
            settings.heads,
            layers,
            facts.values["classes"],
            hidden=4 * width,
            activation="relu",
            dropout=dropout,
        )
    )


def baselines(settings: Settings, data: FindingData) -> dict[str, Figures]:
    """The mean average precision of template matching."""
    classes = len(data.classes)
    found = matched(data.test.images, templates_of(data.images, data.y, classes), classes)
    return {TEMPLATES: Figures(float("nan"), mean_average_precision(found, data.test))}


def counts(found: Found, canvases: Canvases, threshold: float) -> tuple[int, int]:
    """How many boxes of at least that score there are, and how many of them are right."""
    given = found.scores >= threshold
    return int(given.sum()), int((given & right_boxes(found, canvases)).sum())


def best_threshold(found: Found, canvases: Canvases) -> float:
    """The score from which boxes are given so that F1, 2 right / (given + there), is largest."""
    there = canvases.present.sum()
    candidates = np.quantile(found.scores, np.linspace(0, 1, 201))
    values = []
    for threshold in candidates:
        given, right = counts(found, canvases, threshold)
        values.append(2 * right / (given + there))
    return float(candidates[int(np.argmax(values))])


def detect(run: Run, canvases: Canvases) -> Found:
    """What the run's model finds."""
    objective: Any = run.objectives()[LEARNED]
    found: Found = objective.judged(run.params, canvases)[1]
    return found


def report(run: Run, data: FindingData, rows: dict[str, Figures]) -> list[str]:
    """Boxes given and right at thresholds from the training part, and a canvas with its boxes."""
    classes = len(data.classes)
    templates = templates_of(data.images, data.y, classes)
    thresholds: list[float] = []
    ways: dict[str, Callable[[Canvases], Found]] = {
        QUERY: lambda canvases: detect(run, canvases),
        TEMPLATES: lambda canvases: matched(canvases.images, templates, classes),
    }
    lines = [
        f"The precision is at an IoU of {OVERLAP}. Boxes given for the {data.test.present.sum()} digits,",
        "where the threshold gives the best F1 on canvases of training digits:",
        f"{'':<18}  Given  Right",
    ]
    for name, find in ways.items():
        thresholds.append(best_threshold(find(data.tuning), data.tuning))
        given, right = counts(find(data.test), data.test, thresholds[-1])
        lines.append(f"{name:<18}  {given:>5}  {right:>5}")
    first = data.test.some(slice(1))
    found = detect(run, first)
    return [*lines, "", *canvas_lines(first.images[0], found_boxes(found, 0, thresholds[0], data.classes))]


def found_boxes(
    found: Found, row: int, threshold: float, classes: tuple[str, ...], right: Array | None = None
) -> tuple[Box, ...]:
    """The boxes that are given on a canvas, in pixels; right (N, K): whether each is, True if None."""
    boxes = []
    for label in np.flatnonzero(found.scores[row] >= threshold):
        left, top, across, down = (float(x) * CANVAS for x in found.boxes[row, label])
        sure = True if right is None else bool(right[row, label])
        boxes.append(Box(left, top, across, down, cut(classes[label]), sure))
    return tuple(boxes)


def drawn(run: Run, data: FindingData) -> Sheet:
    """The first held-out canvases with the boxes that are given, dashed where they are wrong."""
    canvases = data.test.some(slice(SHOWN))
    threshold = best_threshold(detect(run, data.tuning), data.tuning)
    found = detect(run, canvases)
    right = right_boxes(found, canvases)
    boxes = tuple(found_boxes(found, row, threshold, data.classes, right) for row in range(canvases.size))
    titles = tuple(", ".join(data.classes[k] for k in np.flatnonzero(one)) for one in canvases.present)
    title = f"Digits on held-out canvases, and boxes found; dashed: wrong class, or an IoU below {OVERLAP}"
    return Sheet(canvases.images, titles, title, boxes=boxes)


def show(run: Run, data: FindingData) -> AttentionMap:
    """What each query reads of the first held-out canvas."""
    objective: Any = run.objectives()[LEARNED]
    x = windows(data.test.images[:1], WINDOW, STEP).astype(np.float32)
    _, saved = objective.model.forward(run.params, x)
    there = set(np.flatnonzero(data.test.present[0]))
    names = enumerate(data.classes)
    rows = tuple(f"{name}, on the canvas" if label in there else name for label, name in names)
    side = CANVAS // STEP
    columns = tuple(f"{place // side + 1},{place % side + 1}" for place in range(side * side))
    return AttentionMap(
        saved.weights[0], rows, columns, "Attention of the queries", keys="window: row, column"
    )


FIND_DIGIT = ModelTask(
    name="find-digit",
    question=lambda settings, data: "two to four digits among strokes; which are there, and where?",
    load_data=load_data,
    facts_form=plain_form(lambda settings, data: {"classes": len(data.classes)}, classes=int),
    features=lambda data: f"{(CANVAS // STEP) ** 2} windows of {WINDOW} x {WINDOW} pixels, {STEP} apart",
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    defaults={
        "epochs": 90,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.0,
        "batch_size": 16,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.003,
        "clip": 1.0,
    },
    metric=PRECISION,
    measure=PRECISION,
    loss="cross-entropy and distance of boxes",
    own_settings=("layers", "dropout", "npz"),
    baselines=baselines,
    resampled=resampled,
)
