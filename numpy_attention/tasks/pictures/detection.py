"""Detection: one query for each class says whether the class is there, and where; and how that is judged.

loss = CLASS_WEIGHT * mean over all queries of binary cross-entropy(there)
     + BOX_WEIGHT * mean over the classes that are there of Σ |box - true box|          centre and sides
     + TOKEN_WEIGHT * mean over all tokens and classes of binary cross-entropy(its centre is in the token)
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.layers.activations import sigmoid
from ...functional.losses.absolute_error import mean_absolute_error_backward, mean_absolute_error_forward
from ...functional.losses.binary import binary_cross_entropy_with_logits_backward as entropy_backward
from ...functional.losses.binary import binary_cross_entropy_with_logits_forward as entropy_forward
from ...nn.parameters import Params
from ...training.objective import Figures, Outcome
from ..images import windows
from ..layer_objective import LayerObjective
from .canvas import CANVAS, Canvases

WINDOW, STEP = 12, 4
"""Side of the window that is a token, and the distance from one to the next."""
CLASS_WEIGHT, BOX_WEIGHT, TOKEN_WEIGHT = 10.0, 5.0, 200.0
BATCH = 100
"""Canvases per forward where nothing is trained."""
SPREAD = 10.0
"""Factor on the initial positions, which tell a box's place."""
OVERLAP = 0.5
"""The least IoU of a box that counts as right."""


def centred(boxes: Array) -> Array:
    """Boxes (…, 4) of left, top, right, bottom as centre and sides."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def cornered(boxes: Array) -> Array:
    """The inverse of `centred`."""
    centre, sides = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([centre - sides / 2, centre + sides / 2], axis=-1)


def overlaps(one: Array, other: Array) -> Array:
    """Intersection over union (…) of boxes (…, 4) of left, top, right, bottom.

    Examples
    --------
    >>> overlaps(np.array([0.0, 0.0, 2.0, 2.0]), np.array([[1.0, 0.0, 3.0, 2.0], [2.0, 2.0, 3.0, 3.0]]))
    array([0.33333333, 0.        ])
    """
    shared = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    inside = np.maximum(shared, 0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (one, other)]
    union = areas[0] + areas[1] - inside
    return np.asarray(inside / np.where(union > 0, union, 1))


def tokens_that_hold(canvases: Canvases) -> Array:
    """True (N, K, 64) for the token in whose 4 x 4 pixels the centre of a class's box lies."""
    side = CANVAS // STEP
    column, row = np.moveaxis((centred(canvases.boxes)[..., :2] * side).astype(int), -1, 0)  # (N, K)
    held: Array = (np.arange(side * side) == (row * side + column)[..., None]) & canvases.present[..., None]
    return held


class Found(NamedTuple):
    """One box for each class on every canvas."""

    scores: Array
    """(N, K), the larger the surer"""
    boxes: Array
    """(N, K, 4) left, top, right, bottom, as shares of the side"""


def without_doubles(found: Found) -> Found:
    """Boxes that overlap one of a larger score rank behind all others, for digits do not share a place.

    Their scores are lowered by 2: scores are probabilities or correlations.
    """
    scores = found.scores.copy()
    for row, own in enumerate(found.scores):
        kept: list[int] = []
        for label in np.argsort(-own, kind="stable"):
            if kept and (overlaps(found.boxes[row, label], found.boxes[row, kept]) >= OVERLAP).any():
                scores[row, label] -= 2
            else:
                kept.append(int(label))
    return found._replace(scores=scores)


def average_precision(scores: Array, right: Array, total: int) -> float:
    """The area below precision over recall, precision made falling, as in Pascal VOC from 2010 on.

    scores, right (M,): of each box, and whether it is right. total: how many there are to find.

    Examples
    --------
    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2)
    0.8333333333333333
    """
    right = right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / max(total, 1))


def right_boxes(found: Found, canvases: Canvases) -> Array:
    """True (N, K) where a class is there and its box overlaps the true one by `OVERLAP` or more."""
    right: Array = canvases.present & (overlaps(found.boxes, canvases.boxes) >= OVERLAP)
    return right


def mean_average_precision(found: Found, canvases: Canvases) -> float:
    """The mean over the classes of the average precision at an IoU of 0.5; without classes never there."""
    right = right_boxes(found, canvases)
    each = [
        average_precision(found.scores[:, k], right[:, k], int(there))
        for k, there in enumerate(canvases.present.sum(axis=0))
        if there
    ]
    return float(np.mean(each))


def box_weight(canvases: Canvases) -> float:
    """The weight of Σ |box - true box| in the loss, where the mean is over the classes that are there."""
    return BOX_WEIGHT / max(int(canvases.present.sum()), 1)


@dataclass(frozen=True)
class Detecting(LayerObjective):
    """A detector with one query for each class."""

    model: nn.Detector

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "one query a class"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        params["positions"]["weight"] *= np.float32(SPREAD)
        return params

    def losses(self, params: Params, batch: Canvases, seed: int | None = None) -> tuple[float, Any, Any]:
        """The loss of a batch, the outputs of the model, and what backward needs."""
        x, here = windows(batch.images, WINDOW, STEP).astype(np.float32), batch.present
        outputs, saved = self.model.forward(params, x, seed=seed if self.model.dropout else None)
        logits, boxes, scores = outputs
        wanted = np.where(here[..., None], centred(batch.boxes), boxes).astype(boxes.dtype)
        there, saved_there = entropy_forward(logits, here.astype(logits.dtype))
        apart, saved_apart = mean_absolute_error_forward(boxes, wanted, reduction="sum")
        holds, saved_holds = entropy_forward(scores, tokens_that_hold(batch).astype(scores.dtype))
        loss = CLASS_WEIGHT * float(there) + box_weight(batch) * float(apart) + TOKEN_WEIGHT * float(holds)
        return loss, outputs, (saved, saved_there, saved_apart, saved_holds)

    def loss_and_gradients(self, params: Params, batch: Canvases, seed: int) -> Outcome:
        """The outcome of a batch; right counts the classes that are rightly said to be there or not."""
        loss, (logits, *_), (saved, saved_there, saved_apart, saved_holds) = self.losses(params, batch, seed)
        d_logits = entropy_backward(np.asarray(CLASS_WEIGHT, logits.dtype), saved_there)
        d_boxes = mean_absolute_error_backward(np.asarray(box_weight(batch), logits.dtype), saved_apart)
        d_scores = entropy_backward(np.asarray(TOKEN_WEIGHT, logits.dtype), saved_holds)
        _, d_params = self.model.backward((d_logits, d_boxes, d_scores), saved)
        right = int(((logits > 0) == batch.present).sum())
        return Outcome(loss, d_params, batch.present.size, right)

    def judged(self, params: Params, canvases: Canvases) -> tuple[float, Found]:
        """The mean loss; the probability of each class, and its box, without doubles."""
        losses, parts = [], []
        for first in range(0, canvases.size, BATCH):
            batch = canvases.some(slice(first, first + BATCH))
            loss, (logits, boxes, _), _ = self.losses(params, batch)
            losses.append(loss * batch.size)
            parts.append((logits.astype(np.float64), boxes.astype(np.float64)))
        logits, boxes = (np.concatenate(each) for each in zip(*parts, strict=True))
        found = without_doubles(Found(sigmoid(logits), cornered(boxes)))
        return math.fsum(losses) / canvases.size, found

    def figures(self, params: Params, examples: Canvases) -> Figures:
        """The mean loss, and the mean average precision."""
        loss, found = self.judged(params, examples)
        return Figures(loss, mean_average_precision(found, examples))
