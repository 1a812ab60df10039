"""The loop: predict, compare, feed back, step, and round again."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

from ..nn.parameters import Params
from ..optim.updates import leaves
from .data import CHANGES, ORDER, START, Array, Examples, stream
from .evaluation import Model, chosen, loss_backward, loss_forward
from .mixing import mixed_loss_backward, mixed_loss_forward
from .optimizers import OPTIMIZERS, lr_at
from .settings import Settings


class Epoch(NamedTuple):
    """Where training stands after an epoch: all that going on needs."""

    number: int
    """Counted from 1; 0 is the start."""
    loss: float
    """The mean over the epoch's examples, each as it was when its batch came up."""
    params: Params
    state: dict[str, Any]
    """The optimizer's."""
    accuracy: float = math.nan
    """Over the same predictions as the loss."""


class NotFinite(ArithmeticError):
    """Training met a number that is not finite and cannot go on."""


def start(model: Model, settings: Settings, params: Params | None = None) -> Epoch:
    """Epoch 0: the start that the seed draws, or the parameters given."""
    params = model.init(stream(settings.seed, START)) if params is None else params
    return Epoch(0, math.nan, params, OPTIMIZERS[settings.optimizer].init(params))


def train(
    model: Model,
    examples: Examples,
    settings: Settings,
    *,
    after: Epoch | None = None,
    changed: Callable[[np.random.Generator], Examples] | None = None,
    stepped: Callable[[], None] | None = None,
) -> Iterator[Epoch]:
    """Train on shuffled batches, one epoch at a time.

    Equal arguments give equal bits, and what goes on `after` an epoch gives the bits of what never stopped:
    what is drawn in an epoch depends on the seed and the epoch's number alone.

    Parameters
    ----------
    model
        What is trained.
    examples
        x (N, T, input_dim), y (N,), lengths (N,) or None.
    settings
        epochs, batch_size, lr, seed, optimizer, schedule and clip. The last batch of an epoch is smaller
        where `batch_size` does not divide N.
    after
        The epoch to go on from; the start that the seed draws, if None.
    changed
        changed(rng): the examples, anew for each epoch.
    stepped
        Called after every step.

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
    >>> from numpy_attention.nn.classifier import AttentionClassifier
    >>> examples = Examples(np.array([[[1.0], [0.0]], [[0.0], [0.0]]]), y=np.array([1.0, 0.0]))
    >>> for epoch in train(AttentionClassifier(1, hidden_dim=2), examples, Settings(epochs=2)):
    ...     print(f"Epoch [{epoch.number}/2], Loss: {epoch.loss:.4f}")
    Epoch [1/2], Loss: 0.8349
    Epoch [2/2], Loss: 0.8341
    """
    epoch = start(model, settings) if after is None else after
    for number in range(epoch.number + 1, settings.epochs + 1):
        shown = examples if changed is None else changed(stream(settings.seed, CHANGES, number))
        epoch = one_epoch(model, shown, settings, epoch, stepped)
        yield epoch


def one_epoch(
    model: Model,
    examples: Examples,
    settings: Settings,
    last: Epoch,
    stepped: Callable[[], None] | None = None,
) -> Epoch:
    """The epoch after `last`: see `train`."""
    number, params, state = last.number + 1, last.params, last.state
    order = stream(settings.seed, ORDER, number).permutation(len(examples.y))
    batches = steps_an_epoch(settings, len(order))
    total, right = 0.0, 0
    for step, first in enumerate(range(0, len(order), settings.batch_size), 1):
        batch = examples.some(order[first : first + settings.batch_size])
        logits, loss, d_params = loss_and_gradients(model, params, batch)
        where = f"with {model.name} in epoch {number}, step {step}"
        if not math.isfinite(loss):
            raise NotFinite(f"the loss is {loss} {where}")
        if settings.clip is not None:
            d_params, _ = na.clip_by_global_norm(d_params, settings.clip)
        lr = lr_at(settings, (number - 1) * batches + step, settings.epochs * batches)
        params, state = OPTIMIZERS[settings.optimizer].step(params, d_params, state, lr=lr)
        if not all(np.isfinite(array).all() for array in leaves("params", params).values()):
            raise NotFinite(f"a parameter is no longer finite {where}")
        total += loss * len(batch.y)
        right += int((chosen(logits) == batch.y).sum())
        if stepped is not None:
            stepped()
    return Epoch(number, total / len(order), params, state, right / len(order))


def steps_an_epoch(settings: Settings, examples: int) -> int:
    """How many batches there are."""
    return math.ceil(examples / settings.batch_size)


def loss_and_gradients(model: Model, params: Params, batch: Examples) -> tuple[Array, float, Params]:
    """One batch, there and back: the logits, the mean loss, and its gradient by every parameter."""
    logits, saved = model.forward(params, batch.x, batch.lengths)
    if batch.share is not None:
        loss, loss_saved = mixed_loss_forward(logits, batch)
        return logits, loss, model.backward(mixed_loss_backward(loss_saved), saved)
    loss, loss_saved = loss_forward(logits, batch.y)
    return logits, loss, model.backward(loss_backward(logits, loss_saved), saved)
