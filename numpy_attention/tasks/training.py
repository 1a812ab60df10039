"""The loop: predict, compare, feed back, step, and round again."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import numpy_attention as na

from .model import AttentionClassifier, Params
from .task import ORDER, START, Array, Examples, stream


class Epoch(NamedTuple):
    """Where training stands after an epoch."""

    number: int
    """Counted from 1."""
    loss: float
    """The mean over the epoch's examples, each as it was when its batch came up."""
    params: Params


class NotFinite(ArithmeticError):
    """Training met a number that is not finite and cannot go on."""


def train(
    model: AttentionClassifier,
    examples: Examples,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.001,
    seed: int = 0,
) -> Iterator[Epoch]:
    """Train from the start that the seed draws, by Adam on shuffled batches, one epoch at a time.

    Equal arguments give equal bits.

    Parameters
    ----------
    model
        What is trained; see `AttentionClassifier`.
    examples
        x (N, T, input_dim) and y (N,).
    epochs, batch_size, lr, seed
        The last batch of an epoch is smaller where `batch_size` does not divide N.

    Yields
    ------
    Epoch
        After every epoch; stop asking and training stops.

    Raises
    ------
    NotFinite
        If a loss or a parameter is NaN or infinite; it says at which step.

    Examples
    --------
    >>> x = np.array([[[1.0], [0.0]], [[0.0], [0.0]]])
    >>> examples = Examples(x, y=np.array([1.0, 0.0]), decisive=np.array([0, -1]))
    >>> for epoch in train(AttentionClassifier(1, hidden_dim=2), examples, epochs=2):
    ...     print(f"Epoch [{epoch.number}/2], Loss: {epoch.loss:.4f}")
    Epoch [1/2], Loss: 0.8349
    Epoch [2/2], Loss: 0.8341
    """
    params = model.init(stream(seed, START))
    state = na.adam_init(params)
    for number in range(1, epochs + 1):
        order = stream(seed, ORDER, number).permutation(len(examples.y))
        total = 0.0
        for step, first in enumerate(range(0, len(order), batch_size), 1):
            batch = order[first : first + batch_size]
            loss, d_params = loss_and_gradients(model, params, examples.x[batch], examples.y[batch])
            where = f"with {model.score} scores in epoch {number}, step {step}"
            if not math.isfinite(loss):
                raise NotFinite(f"the loss is {loss} {where}")
            params, state = na.adam_step(params, d_params, state, lr=lr)
            if not all(np.isfinite(p).all() for part in params.values() for p in part.values()):
                raise NotFinite(f"a parameter is no longer finite {where}")
            total += loss * len(batch)
        yield Epoch(number, total / len(order), params)


def loss_and_gradients(
    model: AttentionClassifier, params: Params, x: Array, y: Array
) -> tuple[float, Params]:
    """One batch, there and back: the mean loss, and its gradient by every parameter."""
    logits, saved = model.forward(params, x)
    loss, loss_saved = na.binary_cross_entropy_with_logits_forward(logits, y)
    d_logits = na.binary_cross_entropy_with_logits_backward(np.ones(()), loss_saved)
    return float(loss), model.backward(d_logits, saved)
