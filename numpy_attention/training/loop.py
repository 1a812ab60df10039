"""The training loop: forward, loss, backward, step, batch by batch and epoch by epoch."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..nn.parameters import Params
from ..optim.clipping import clip_by_global_norm
from .objective import ExampleSet, Objective, Outcome
from .optimizers import OPTIMIZERS, lr_at
from .settings import Settings
from .streams import CHANGES, ORDER, START, step_seed, stream
from .vectors import Vectors


class Epoch(NamedTuple):
    """Training state after an epoch: all that the next one needs."""

    number: int
    """Counted from 1; 0 is the initial state."""
    loss: float
    """Mean over the epoch's targets, each with the parameters its batch was computed with."""
    params: Params
    state: dict[str, Any]
    """The optimizer's."""
    accuracy: float = math.nan
    """Of the same predictions as the loss."""


class Gradients(NamedTuple):
    """What a step needs of its batch: sums over the targets, and the gradient of the mean loss."""

    loss: float
    targets: int
    right: int
    vectors: dict[str, Array]


Compute = Callable[[Objective, Params, list[tuple[Any, int]]], Iterable[Outcome]]
"""compute(objective, params, parts): the outcome of each part, (examples, seed), in their order."""


class NotFinite(ArithmeticError):
    """A loss or a parameter is NaN or infinite; training cannot continue."""


def epoch_zero(objective: Objective, settings: Settings, params: Params | None = None) -> Epoch:
    """The initial state, with `params` or else with parameters drawn from the seed."""
    params = objective.init(stream(settings.seed, START)) if params is None else params
    return Epoch(0, math.nan, params, OPTIMIZERS[settings.optimizer].init(params))


def train(
    objective: Objective,
    examples: ExampleSet,
    settings: Settings,
    *,
    after: Epoch | None = None,
    changed: Callable[[np.random.Generator], ExampleSet] | None = None,
    on_step: Callable[[], None] | None = None,
    compute: Compute | None = None,
) -> Iterator[Epoch]:
    """Train on shuffled batches, one epoch at a time.

    Equal arguments give equal bits, and resuming `after` an epoch gives the bits of an uninterrupted
    training: everything random in an epoch depends on the seed and the epoch's number alone.

    Parameters
    ----------
    objective
        The model and its loss.
    examples
        The examples of an epoch, in the form that the objective takes.
    settings
        epochs, batch_size, accumulate, lr, seed, optimizer, weight_decay, schedule and clip. The last batch
        of an epoch is smaller where `batch_size` does not divide their number.
    after
        The epoch to resume from; the initial state of the seed if None.
    changed
        changed(rng): the examples of one epoch, instead of `examples`; always equally many.
    on_step
        Called after every step.
    compute
        By which the parts of a batch go through the model, such as on several machines; one after the other
        if None. No bit depends on it.

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
    An objective of `tasks/classification`:

    >>> from numpy_attention.nn.classifier import AttentionClassifier
    >>> from numpy_attention.tasks.classification.data import Examples
    >>> from numpy_attention.tasks.classification.objective import Classifying
    >>> examples = Examples(np.array([[[1.0], [0.0]], [[0.0], [0.0]]]), y=np.array([1.0, 0.0]))
    >>> objective = Classifying(AttentionClassifier(1, hidden_dim=2))
    >>> for epoch in train(objective, examples, Settings(epochs=2)):
    ...     print(f"Epoch [{epoch.number}/2], Loss: {epoch.loss:.4f}")
    Epoch [1/2], Loss: 0.8349
    Epoch [2/2], Loss: 0.8341
    """
    epoch = epoch_zero(objective, settings) if after is None else after
    for number in range(epoch.number + 1, settings.epochs + 1):
        current = examples if changed is None else changed(stream(settings.seed, CHANGES, number))
        epoch = train_epoch(objective, current, settings, epoch, on_step, compute)
        yield epoch


def train_epoch(
    objective: Objective,
    examples: ExampleSet,
    settings: Settings,
    last: Epoch,
    on_step: Callable[[], None] | None = None,
    compute: Compute | None = None,
) -> Epoch:
    """The epoch after `last`: see `train`."""
    number, vectors = last.number + 1, Vectors(last.params)
    joined, state = vectors.joined(last.params), vectors.joined_state(last.state)
    params = vectors.views(joined)
    optimizer = OPTIMIZERS[settings.optimizer]
    order = stream(settings.seed, ORDER, number).permutation(examples.size)
    steps = steps_per_epoch(settings, len(order))
    total, targets, right = 0.0, 0, 0
    for step, first in enumerate(range(0, len(order), settings.batch_size), 1):
        batch = examples.some(order[first : first + settings.batch_size])
        seed = step_seed(settings.seed, number, step)
        outcome = batch_gradients(objective, params, batch, vectors, settings.accumulate or 1, seed, compute)
        where = f"with {objective.name} in epoch {number}, step {step}"
        if not math.isfinite(outcome.loss):
            raise NotFinite(f"the loss is {outcome.loss} {where}")
        gradients = outcome.vectors
        if settings.clip is not None:
            gradients, _ = clip_by_global_norm(gradients, settings.clip)
        lr = lr_at(settings, (number - 1) * steps + step, settings.epochs * steps)
        joined, state = optimizer.step(joined, gradients, state, lr=lr, **decay(settings))
        params = vectors.views(joined)
        if not all(np.isfinite(vector).all() for vector in joined.values()):
            raise NotFinite(f"a parameter is no longer finite {where}")
        total, targets, right = total + outcome.loss, targets + outcome.targets, right + outcome.right
        if on_step is not None:
            on_step()
    if not math.isfinite(total):
        raise NotFinite(f"the mean loss is {total / targets} with {objective.name} in epoch {number}")
    return Epoch(number, total / targets, params, vectors.state_views(state), right / targets)


def steps_per_epoch(settings: Settings, examples: int) -> int:
    """Number of batches in an epoch."""
    return math.ceil(examples / settings.batch_size)


def decay(settings: Settings) -> dict[str, float]:
    """The weight decay as an argument of the optimizer's step; none where the setting is not set."""
    return {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}


def one_after_another(
    objective: Objective, params: Params, parts: list[tuple[Any, int]]
) -> Iterator[Outcome]:  # fmt: skip
    """The outcome of each part, computed here when it is asked for."""
    return (objective.loss_and_gradients(params, examples, seed) for examples, seed in parts)


def batch_gradients(
    objective: Objective, params: Params, batch: ExampleSet, vectors: Vectors, count: int, seed: int,
    compute: Compute | None = None,
) -> Gradients:  # fmt: skip
    """The gradient of a batch's mean loss, its examples going through the model in `count` parts.

        d_params = Σ_part targets_part d_params_part / Σ_part targets_part

    The parts need less memory than the whole; the gradient is the same but for rounding. It is summed in the
    order of the parts, wherever each was computed.
    """
    rows = np.array_split(np.arange(batch.size), min(count, batch.size))
    parts = [(batch if count == 1 else batch.some(own), seed + part) for part, own in enumerate(rows)]
    outcomes = [
        outcome._replace(d_params=vectors.joined(outcome.d_params))
        for outcome in (compute or one_after_another)(objective, params, parts)
    ]
    loss, targets = sum(one.loss * one.targets for one in outcomes), sum(one.targets for one in outcomes)
    joined = outcomes[0].d_params
    if len(outcomes) > 1:
        joined = {
            name: np.asarray(sum(one.d_params[name] * (one.targets / targets) for one in outcomes), x.dtype)
            for name, x in joined.items()
        }
    return Gradients(loss, targets, sum(one.right for one in outcomes), joined)
