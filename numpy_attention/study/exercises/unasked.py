"""What is done to a result though nobody asked for it, alone or with another array, and constant factors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .changes import ORDER, STEP
from .operations import softmax

TOO_MUCH = "a step too many"

POWERS = ((-1.0, "divided by {name}"), (1.0, "multiplied by {name}"), (-0.5, "divided by the root of {name}"),
          (0.5, "multiplied by the root of {name}"))  # fmt: skip

UNASKED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (STEP, "{t} is zero throughout", lambda x: 0 * x),
    (TOO_MUCH, "{t} is squared", np.square),
    (TOO_MUCH, "the absolute value of {t} is taken", np.abs),
    (TOO_MUCH, "the exponential of {t} is taken", np.exp),
    (TOO_MUCH, "the root of {t} is taken", np.sqrt),
    (TOO_MUCH, "the logarithm of {t} is taken", np.log),
    (TOO_MUCH, "the mean of its row is subtracted from {t}", lambda x: x - x.mean(axis=-1, keepdims=True)),
    (TOO_MUCH, "{t} is divided by the sum of its row", lambda x: x / x.sum(axis=-1, keepdims=True)),
    (TOO_MUCH, "a softmax is taken of {t}", softmax),
    (TOO_MUCH, "the mean of its column is subtracted from {t}", lambda x: x - x.mean(axis=-2, keepdims=True)),
    (TOO_MUCH, "negative entries of {t} are set to zero", lambda x: np.maximum(x, 0)),
    (TOO_MUCH, "each row of {t} is divided by its length",
     lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True))),
    (TOO_MUCH, "{t} is divided by its norm", lambda x: x / np.sqrt((x * x).sum())),
    (TOO_MUCH, "one is added to {t}", lambda x: x + 1),
    (ORDER, "the rows of {t} are moved by one", lambda x: np.roll(x, 1, axis=0)),
    (TOO_MUCH, "{t} is summed along its rows", lambda x: x.sum(axis=-1, keepdims=True)),
    (TOO_MUCH, "{t} is summed up to one number", lambda x: np.full(np.shape(x), np.sum(x))),
    (TOO_MUCH, "every row of {t} is replaced by the mean of its rows",
     lambda x: np.broadcast_to(x.mean(axis=-2, keepdims=True), x.shape)),
    (TOO_MUCH, "{t} is summed step by step, and never reset", lambda x: np.cumsum(x, axis=0)),
    (ORDER, "the rows of {t} are in reverse order", lambda x: x[::-1]),
)  # fmt: skip
"""What is done to a result though nobody asked for it."""

COMBINED: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    (TOO_MUCH, "{t} is multiplied by {y}", np.multiply),
    (TOO_MUCH, "{t} is divided by {y}", np.divide),
    (TOO_MUCH, "{y} is added to {t}", np.add),
    (TOO_MUCH, "{y} is subtracted from {t}", np.subtract),
    (TOO_MUCH, "{t} is multiplied by one minus {y}", lambda x, y: x * (1 - y)),
    (TOO_MUCH, "{t} is multiplied by {y} and by one minus it", lambda x, y: x * y * (1 - y)),
    (TOO_MUCH, "{t} is divided by the norm of {y}", lambda x, y: x / np.sqrt((np.asarray(y) ** 2).sum())),
    (TOO_MUCH, "{t} is set to zero where {y} is", lambda x, y: np.where(np.equal(y, 0), 0, x)),
)
"""With what a result is combined though it has no part in it."""

OF_OPERANDS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (TOO_MUCH, "{x} is squared, in {t}", np.square),
    (TOO_MUCH, "the absolute value of {x} is taken, in {t}", np.abs),
    (TOO_MUCH, "one minus {x} is taken, in {t}", lambda x: 1 - x),
    (TOO_MUCH, "the exponential of {x} is taken, in {t}", np.exp),
    (TOO_MUCH, "a softmax is taken of {x}, in {t}", softmax),
    (TOO_MUCH, "the mean over its rows replaces {x}, in {t}",
     lambda x: np.broadcast_to(x.mean(axis=0, keepdims=True), x.shape)),
    (TOO_MUCH, "the mean over its columns replaces {x}, in {t}",
     lambda x: np.broadcast_to(x.mean(axis=-1, keepdims=True), x.shape)),
    (TOO_MUCH, "the first row replaces {x}, in {t}", lambda x: np.broadcast_to(x[:1], x.shape)),
    (TOO_MUCH, "the first column replaces {x}, in {t}", lambda x: np.broadcast_to(x[..., :1], x.shape)),
    (TOO_MUCH, "only where {x} is positive is one taken, in {t}",
     lambda x: (np.asarray(x) > 0).astype(float)),
    (TOO_MUCH, "only the largest of each row of {x} is taken, as one, in {t}",
     lambda x: (x == x.max(axis=-1, keepdims=True)).astype(float)),
)  # fmt: skip
"""What is done to an operand though nobody asked for it."""
