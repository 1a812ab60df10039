"""Logits, attention weights, loss and accuracy of a model, and the figures of baselines."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.layers.activations import sigmoid
from ...functional.layers.softmax import softmax
from ...functional.losses.binary import (
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_forward,
)
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...nn.parameters import Params
from ...training.objective import Figures
from .data import Examples
from .models import Model

BATCH = 1000
"""Examples per forward where nothing is trained; it bounds the memory."""


class Predictions(NamedTuple):
    """A model's logits and its attention weights."""

    logits: Array
    """(N,), or (N, K) for K > 2 classes"""
    weights: Array
    """(N, H, T)"""


def batches(examples: Examples) -> Iterator[Examples]:
    """The examples in order, BATCH at a time."""
    for first in range(0, max(len(examples.y), 1), BATCH):
        yield examples.some(slice(first, first + BATCH))


def logits_of(model: Model, params: Params, examples: Examples) -> Array:
    """Logits of cleaned and normalised examples, (N,) or (N, K)."""
    return np.concatenate([model.forward(params, x.x, x.lengths)[0] for x in batches(examples)])


def attention_maps(model: Model, params: Params, examples: Examples) -> dict[str, Array]:
    """Every map of attention weights (N, H, L, T), by its name."""
    maps: list[dict[str, Array]] = []
    for batch in batches(examples):
        maps.append(model.forward(params, batch.x, batch.lengths)[1].maps)
    return {name: np.concatenate([each[name] for each in maps]) for name in maps[0]}


def predict(model: Model, params: Params, examples: Examples) -> Predictions:
    """Predictions for cleaned and normalised examples."""
    all_logits, all_weights = [], []
    for batch in batches(examples):
        logits, saved = model.forward(params, batch.x, batch.lengths)
        all_logits.append(logits)
        all_weights.append(saved.weights)
    return Predictions(np.concatenate(all_logits), np.concatenate(all_weights))


def predicted_classes(logits: Array) -> Array:
    """The most probable class of each row; for two classes, 1 if its logit is above 0."""
    return (logits > 0).astype(np.int64) if logits.ndim == 1 else logits.argmax(axis=1)


def probabilities(logits: Array) -> Array:
    """(N, K), one column a class, K = 2 for logits (N,).

    Examples
    --------
    >>> probabilities(np.log([3.0, 1.0])).round(2)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    if logits.ndim == 2:
        shares: Array = softmax(logits)
        return shares
    return np.stack([sigmoid(-logits), sigmoid(logits)], axis=1)


def loss_forward(logits: Array, y: Array) -> tuple[float, Any]:
    """Mean loss, and what `loss_backward` needs: binary cross-entropy for logits (N,), else cross-entropy."""
    saved: Any
    if logits.ndim == 1:
        loss, saved = binary_cross_entropy_with_logits_forward(logits, y)
    else:
        loss, saved = cross_entropy_forward(logits, y.astype(np.int64))
    return float(loss), saved


def loss_backward(logits: Array, saved: Any) -> Array:
    """d_logits, for the logits passed to `loss_forward`."""
    backwards = (binary_cross_entropy_with_logits_backward, cross_entropy_backward)
    d_logits: Array = backwards[logits.ndim - 1](np.ones(()), saved)
    return d_logits


def figures(logits: Array, y: Array) -> Figures:
    """Mean loss and accuracy of logits, (N,) or (N, K), for the classes y (N,).

    Examples
    --------
    >>> figures(np.array([0.0, 3.0, -2.0]), np.array([0.0, 1.0, 1.0])).accuracy
    0.6666666666666666
    """
    return Figures(loss_forward(logits, y)[0], float((predicted_classes(logits) == y).mean()))


def figures_without_loss(predicted: Array, y: Array) -> Figures:
    """Figures of predicted classes (N,) that come without probabilities."""
    return Figures(math.nan, float((predicted == y).mean()))


def majority_baseline(counts: Array, test_y: Array) -> Figures:
    """The baseline that ignores x: the class shares of the training part, for every example.

    counts (K,): how many training examples each class has.

    Examples
    --------
    >>> majority_baseline(np.array([1, 2]), np.array([1.0, 1.0, 1.0, 0.0])).accuracy
    0.75
    """
    with np.errstate(divide="ignore"):  # a class without examples has probability 0
        logs = np.log(counts / counts.sum())
    logits = logs if len(counts) > 2 else logs[1] - logs[0]
    return figures(np.broadcast_to(logits, (len(test_y), *np.shape(logits))), test_y)
