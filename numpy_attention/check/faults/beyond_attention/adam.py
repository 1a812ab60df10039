"""Mistakes in Adam and AdamW, which show in the trajectory of the parameters."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ....optim.adam import MOMENTS, adam_step, adamw_step
from ....optim.updates import apply_update
from ..conditions import Arguments
from ..fault import FINE, FaultFamily

NO_BACKWARD = cast(Callable[..., Any], None)

ADAM = FaultFamily("adam", "adam", Pair(adam_step, NO_BACKWARD))
ADAMW = FaultFamily("adamw", "adamw", Pair(adamw_step, NO_BACKWARD))


def _at_every_step(call: Arguments) -> bool:
    """At every step."""
    return True


class Moments(NamedTuple):
    """The number of the step, both moments after it, betas and eps."""

    step: int
    first: Array
    second: Array
    betas: tuple[float, float]
    eps: float

    @property
    def corrections(self) -> tuple[float, float]:
        """The bias corrections, 1 - beta^step of either moment."""
        return 1 - self.betas[0] ** self.step, 1 - self.betas[1] ** self.step


Direction = Callable[[Moments], Array]


def _adam_along(direction: Direction) -> Pair:
    """Adam's step along another direction."""

    def step(
        params: Any, grads: Any, state: Any, *, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> Any:  # fmt: skip
        def update(t: int, param: Array, grad: Array, first: Array, second: Array) -> tuple[Any, ...]:
            first = betas[0] * first + (1 - betas[0]) * grad
            second = betas[1] * second + (1 - betas[1]) * grad * grad
            with np.errstate(all="ignore"):
                along = np.where(first == 0, 0, direction(Moments(t, first, second, betas, eps)))
            return param - lr * along, first, second

        return apply_update(update, params, grads, state, MOMENTS)

    return Pair(step, NO_BACKWARD)


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_without_correction() -> Pair:
    """Neither moment is bias-corrected: first / (√second + eps)."""
    return _adam_along(lambda m: m.first / (np.sqrt(m.second) + m.eps))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_first_moment_corrected_only() -> Pair:
    """Only the first moment is bias-corrected: the first step is 1 / √(1 - beta2) times too large."""
    return _adam_along(lambda m: m.first / m.corrections[0] / (np.sqrt(m.second) + m.eps))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_second_moment_corrected_only() -> Pair:
    """Only the second moment is bias-corrected."""
    return _adam_along(lambda m: m.first / (np.sqrt(m.second / m.corrections[1]) + m.eps))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_corrections_swapped() -> Pair:
    """Each moment is divided by the other's bias correction."""
    return _adam_along(lambda m: m.first / m.corrections[1] / (np.sqrt(m.second / m.corrections[0]) + m.eps))


@ADAM.forward(active=_at_every_step, dtypes=FINE)
def adam_betas_swapped(
    params: Any, grads: Any, state: Any, *, betas: tuple[float, float] = (0.9, 0.999), **rest: Any
) -> Any:
    """beta1 and beta2 are exchanged."""
    return adam_step(params, grads, state, betas=(betas[1], betas[0]), **rest)


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_step_off_by_one() -> Pair:
    """The bias corrections are those of the next step: beta^(t + 1), as t is incremented too early."""
    return _adam_along(lambda m: _corrected(m._replace(step=m.step + 1)))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_step_never_counted() -> Pair:
    """Every step is bias-corrected like the first: its t does not count the steps.

    A published NumPy transformer passes the layer's number for t; its losses still fall.
    """
    return _adam_along(lambda m: _corrected(m._replace(step=1)))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_epsilon_inside() -> Pair:
    """Epsilon is added under the root: first_hat / √(second_hat + eps)."""
    return _adam_along(lambda m: m.first / m.corrections[0] / np.sqrt(m.second / m.corrections[1] + m.eps))


@ADAM.pair(active=_at_every_step, dtypes=FINE)
def adam_epsilon_before_correction() -> Pair:
    """Epsilon is added before the correction: √(1 - beta2^t) / (1 - beta1^t) * first / (√second + eps).

    ONNX and TensorFlow do this; PyTorch and Algorithm 1 of the paper do not.
    """
    return _adam_along(
        lambda m: math.sqrt(m.corrections[1]) / m.corrections[0] * m.first / (np.sqrt(m.second) + m.eps)
    )


def _corrected(m: Moments) -> Array:
    """The right direction, both moments bias-corrected."""
    return np.asarray(m.first / m.corrections[0] / (np.sqrt(m.second / m.corrections[1]) + m.eps))


# ---------------------------------------------------------------------------------------------- AdamW


def _decays(call: Arguments) -> bool:
    """Where weight_decay is not 0."""
    return bool(call.get("weight_decay", 0.01) > 0)


def _map_leaves(function: Callable[..., Array], tree: Any, *others: Any) -> Any:
    """The tree of function(leaf, …) over trees of one structure."""
    if isinstance(tree, dict):
        return {name: _map_leaves(function, tree[name], *(each[name] for each in others)) for name in tree}
    return np.asarray(function(tree, *others), dtype=np.asarray(tree).dtype)


@ADAMW.forward(active=_decays, dtypes=FINE)
def adamw_decay_coupled(
    params: Any, grads: Any, state: Any, *, weight_decay: float = 0.01, **rest: Any
) -> Any:
    """The decay is added to the gradient and enters the moments: Adam with an L2 penalty."""
    penalised = _map_leaves(lambda g, p: g + weight_decay * p, grads, params)
    return adam_step(params, penalised, state, **rest)


@ADAMW.forward(active=_decays, dtypes=FINE)
def adamw_decay_without_lr(
    params: Any, grads: Any, state: Any, *, lr: float = 1e-3, weight_decay: float = 0.01, **rest: Any
) -> Any:
    """The decay is not multiplied by lr: param ← (1 - weight_decay) * param."""
    decayed = _map_leaves(lambda p: (1 - weight_decay) * p, params)
    return adam_step(decayed, grads, state, lr=lr, **rest)


@ADAMW.forward(active=_decays, dtypes=FINE)
def adamw_decay_after_the_step(
    params: Any, grads: Any, state: Any, *, lr: float = 1e-3, weight_decay: float = 0.01, **rest: Any
) -> Any:
    """The decay is applied after the step, to the updated parameter."""
    stepped, state = adam_step(params, grads, state, lr=lr, **rest)
    return _map_leaves(lambda p: (1 - lr * weight_decay) * p, stepped), state
