"""The training loop: forward, loss, backward, step, batch by batch and epoch by epoch."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..nn.parameters import Params
from ..optim.clipping import clip_by_global_norm
from .data import CHANGES, ORDER, START, Examples, stream
from .evaluation import loss_backward, loss_forward, predicted_classes
from .mixing import mixed_loss_backward, mixed_loss_forward
from .models import Model
from .optimizers import OPTIMIZERS, lr_at
from .settings import Settings
from .vectors import Vectors


class Epoch(NamedTuple):
    """Training state after an epoch: all that the next one needs."""

    number: int
    """Counted from 1; 0 is the initial state."""
    loss: float
    """Mean over the epoch's examples, each with the parameters its batch was computed with."""
    params: Params
    state: dict[str, Any]
    """The optimizer's."""
    accuracy: float = math.nan
    """Of the same predictions as the loss."""


class NotFinite(ArithmeticError):
    """A loss or a parameter is NaN or infinite; training cannot continue."""


def epoch_zero(model: Model, settings: Settings, params: Params | None = None) -> Epoch:
    """The initial state, with `params` or else with parameters drawn from the seed."""
    params = model.init(stream(settings.seed, START)) if params is None else params
    return Epoch(0, math.nan, params, OPTIMIZERS[settings.optimizer].init(params))


def train(
    model: Model,
    examples: Examples,
    settings: Settings,
    *,
    after: Epoch | None = None,
    augment: Callable[[np.random.Generator], Examples] | None = None,
    on_step: Callable[[], None] | None = None,
) -> Iterator[Epoch]:
    """Train on shuffled batches, one epoch at a time.

    Equal arguments give equal bits, and resuming `after` an epoch gives the bits of an uninterrupted
    training: everything random in an epoch depends on the seed and the epoch's number alone.

    Parameters
    ----------
    model
        The model to train.
    examples
        x (N, T, input_dim), y (N,), lengths (N,) or None.
    settings
        epochs, batch_size, lr, seed, optimizer, schedule and clip. The last batch of an epoch is smaller
        where `batch_size` does not divide N.
    after
        The epoch to resume from; the initial state of the seed if None.
    augment
        augment(rng): the examples of one epoch, instead of `examples`.
    on_step
        Called after every step.

    Yields
    ------
    Epoch
        After every epoch.

    Raises
    ------
    NotFinite
        If a loss or a parameter is NaN or infinite; it names epoch and step.

    Examples
    --------
    >>> from numpy_attention.nn.classifier import AttentionClassifier
    >>> examples = Examples(np.array([[[1.0], [0.0]], [[0.0], [0.0]]]), y=np.array([1.0, 0.0]))
    >>> for epoch in train(AttentionClassifier(1, hidden_dim=2), examples, Settings(epochs=2)):
    ...     print(f"Epoch [{epoch.number}/2], Loss: {epoch.loss:.4f}")
    Epoch [1/2], Loss: 0.8349
    Epoch [2/2], Loss: 0.8341
    """
    epoch = epoch_zero(model, settings) if after is None else after
    for number in range(epoch.number + 1, settings.epochs + 1):
        current = examples if augment is None else augment(stream(settings.seed, CHANGES, number))
        epoch = train_epoch(model, current, settings, epoch, on_step)
        yield epoch


def train_epoch(
    model: Model,
    examples: Examples,
    settings: Settings,
    last: Epoch,
    on_step: Callable[[], None] | None = None,
) -> Epoch:
    """The epoch after `last`: see `train`."""
    number, vectors = last.number + 1, Vectors(last.params)
    joined, state = vectors.joined(last.params), vectors.joined_state(last.state)
    params = vectors.views(joined)
    order = stream(settings.seed, ORDER, number).permutation(len(examples.y))
    steps = steps_per_epoch(settings, len(order))
    total, right = 0.0, 0
    for step, first in enumerate(range(0, len(order), settings.batch_size), 1):
        batch = examples.some(order[first : first + settings.batch_size])
        logits, loss, d_params = loss_and_gradients(model, params, batch)
        where = f"with {model.name} in epoch {number}, step {step}"
        if not math.isfinite(loss):
            raise NotFinite(f"the loss is {loss} {where}")
        if settings.clip is not None:
            d_params, _ = clip_by_global_norm(d_params, settings.clip)
        lr = lr_at(settings, (number - 1) * steps + step, settings.epochs * steps)
        joined, state = OPTIMIZERS[settings.optimizer].step(joined, vectors.joined(d_params), state, lr=lr)
        params = vectors.views(joined)
        if not all(np.isfinite(vector).all() for vector in joined.values()):
            raise NotFinite(f"a parameter is no longer finite {where}")
        total += loss * len(batch.y)
        right += int((predicted_classes(logits) == batch.y).sum())
        if on_step is not None:
            on_step()
    if not math.isfinite(total):
        raise NotFinite(f"the mean loss is {total} with {model.name} in epoch {number}")
    return Epoch(number, total / len(order), params, vectors.state_views(state), right / len(order))


def steps_per_epoch(settings: Settings, examples: int) -> int:
    """Number of batches in an epoch."""
    return math.ceil(examples / settings.batch_size)


def loss_and_gradients(model: Model, params: Params, batch: Examples) -> tuple[Array, float, Params]:
    """Logits and mean loss of a batch, and the gradient of the loss by every parameter."""
    logits, saved = model.forward(params, batch.x, batch.lengths)
    if batch.share is not None:
        loss, loss_saved = mixed_loss_forward(logits, batch)
        d_logits = mixed_loss_backward(loss_saved)
    else:
        loss, loss_saved = loss_forward(logits, batch.y)
        d_logits = loss_backward(logits, loss_saved)
    _, d_params = model.backward(d_logits, saved, needs_d_x=False)
    return logits, loss, d_params
