"""How well it does on what it never saw, beside what can be had without learning where to look."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

import numpy_attention as na

from ..nn.parameters import Params, Shapes
from .data import Array, Examples

AT_ONCE = 1000
"""How many examples are looked at together where nothing is learned from them."""


class Model(Protocol):
    """What a run trains: parameters outside, a forward, and a backward by hand."""

    @property
    def name(self) -> str:
        """What it is called in a table."""

    def shapes(self) -> Shapes:
        """The shape of every parameter."""

    def init(self, rng: np.random.Generator) -> Params:
        """Parameters to start from."""

    def forward(self, params: Params, x: Array, lengths: Array | None = None) -> tuple[Array, Any]:
        """(logits (N,) or (N, K), what the backward needs)"""

    def backward(self, d_logits: Array, saved: Any) -> Params:
        """The gradient of every parameter."""


class Figures(NamedTuple):
    """How good predictions are."""

    loss: float
    """The mean over the examples; NaN for what predicts without probabilities."""
    accuracy: float


class Predictions(NamedTuple):
    """What a model says, and where it looks."""

    logits: Array
    """(N,), or (N, K) for K > 2 classes"""
    weights: Array
    """(N, H, T)"""


def parts(examples: Examples) -> Iterator[Examples]:
    """The examples, some at a time: what a forward saves of all of them may be too much for the memory."""
    for first in range(0, max(len(examples.y), 1), AT_ONCE):
        yield examples.some(slice(first, first + AT_ONCE))


def logits_of(model: Model, params: Params, examples: Examples) -> Array:
    """What a model says of examples that are cleaned and normalised, (N,) or (N, K)."""
    said = [model.forward(params, part.x, part.lengths)[0] for part in parts(examples)]
    return np.concatenate(said)


def maps_of(model: Model, params: Params, examples: Examples) -> dict[str, Array]:
    """Where it looks: every map of weights (N, H, L, T), by its name."""
    found: list[dict[str, Array]] = []
    for part in parts(examples):
        found.append(model.forward(params, part.x, part.lengths)[1].maps)
    return {name: np.concatenate([maps[name] for maps in found]) for name in found[0]}


def predict(model: Model, params: Params, examples: Examples) -> Predictions:
    """Predictions for examples that are cleaned and normalised."""
    said, weights = [], []
    for part in parts(examples):
        logits, saved = model.forward(params, part.x, part.lengths)
        said.append(logits)
        weights.append(saved.weights)
    return Predictions(np.concatenate(said), np.concatenate(weights))


def chosen(logits: Array) -> Array:
    """The class that each row says: for two classes, 1 if its logit is above 0; else the largest."""
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
        shares: Array = na.softmax(logits)
        return shares
    return np.stack([na.sigmoid(-logits), na.sigmoid(logits)], axis=1)


def loss_forward(logits: Array, y: Array) -> tuple[float, Any]:
    """Mean loss, binary cross-entropy for logits (N,), else cross-entropy, with what its backward needs."""
    saved: Any
    if logits.ndim == 1:
        loss, saved = na.binary_cross_entropy_with_logits_forward(logits, y)
    else:
        loss, saved = na.cross_entropy_forward(logits, y.astype(np.int64))
    return float(loss), saved


def loss_backward(logits: Array, saved: Any) -> Array:
    """d_logits, for logits as they went into `loss_forward`."""
    backwards = (na.binary_cross_entropy_with_logits_backward, na.cross_entropy_backward)
    d_logits: Array = backwards[logits.ndim - 1](np.ones(()), saved)
    return d_logits


def figures(logits: Array, y: Array) -> Figures:
    """Mean loss, and the share of logits, (N,) or (N, K), that say the class y (N,).

    Examples
    --------
    >>> figures(np.array([0.0, 3.0, -2.0]), np.array([0.0, 1.0, 1.0])).accuracy
    0.6666666666666666
    """
    return Figures(loss_forward(logits, y)[0], float((chosen(logits) == y).mean()))


def guesses(said: Array, y: Array) -> Figures:
    """Figures of classes (N,) that were said without probabilities."""
    return Figures(math.nan, float((said == y).mean()))


def majority(counts: Array, test_y: Array) -> Figures:
    """The baseline that looks at nothing: the training part's shares, for every example.

    counts (K,): how many training examples each class has.

    Examples
    --------
    >>> majority(np.array([1, 2]), np.array([1.0, 1.0, 1.0, 0.0])).accuracy
    0.75
    """
    with np.errstate(divide="ignore"):  # one class only: certain, and endlessly wrong otherwise
        logs = np.log(counts / counts.sum())
    logits = logs if len(counts) > 2 else logs[1] - logs[0]
    return figures(np.broadcast_to(logits, (len(test_y), *np.shape(logits))), test_y)
