"""How well it does on what it never saw, beside what can be had without learning where to look."""

from typing import NamedTuple

import numpy as np

import numpy_attention as na

from .model import AttentionClassifier, Params
from .task import Array


class Figures(NamedTuple):
    """How good predictions are."""

    loss: float
    accuracy: float


class Predictions(NamedTuple):
    """What a model says, and where it looks."""

    logits: Array
    """(N,)"""
    weights: Array
    """(N, H, T)"""


def predict(model: AttentionClassifier, params: Params, x: Array) -> Predictions:
    """Predictions for x (N, T, input_dim), cleaned and normalised."""
    logits, saved = model.forward(params, x)
    return Predictions(logits, saved.weights)


def figures(logits: Array, y: Array) -> Figures:
    """Mean loss, and the share of logits (N,) on the right side of 0.

    Examples
    --------
    >>> figures(np.array([0.0, 3.0, -2.0]), np.array([0.0, 1.0, 1.0])).accuracy
    0.6666666666666666
    """
    loss = na.binary_cross_entropy_with_logits(logits, y)
    return Figures(float(loss), float(((logits > 0) == (y == 1)).mean()))


def majority(train_y: Array, test_y: Array) -> Figures:
    """The baseline that looks at nothing: the training part's share of ones, for every example.

    Examples
    --------
    >>> majority(np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])).accuracy
    0.75
    """
    share = train_y.mean()
    with np.errstate(divide="ignore"):  # one class only: certain, and endlessly wrong otherwise
        logit = np.log(share) - np.log1p(-share)
    return figures(np.full(len(test_y), logit), test_y)
