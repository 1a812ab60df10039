"""Optimizers and schedules by the names that settings use."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..nn.parameters import Params
from ..optim.adam import adam_init, adam_step, adamw_init, adamw_step
from ..optim.schedules import cosine_lr, inverse_square_root_lr, warmup_lr
from ..optim.sgd import sgd_init, sgd_step
from .settings import Settings

MOMENTUM = 0.9
WARMUP = 0.1
"""Share of all steps over which a schedule with a warm-up rises."""


class Optimizer(NamedTuple):
    """Initial state and step."""

    init: Callable[[Params], dict[str, Any]]
    step: Callable[..., tuple[Params, dict[str, Any]]]
    """step(params, grads, state, lr=…) -> (params, state)"""


def _momentum_step(params: Params, grads: Params, state: Any, *, lr: float) -> tuple[Params, dict[str, Any]]:
    return sgd_step(params, grads, state, lr=lr, momentum=MOMENTUM)


OPTIMIZERS = {
    "adam": Optimizer(adam_init, adam_step),
    "adamw": Optimizer(adamw_init, adamw_step),
    "sgd": Optimizer(sgd_init, sgd_step),
    "momentum": Optimizer(sgd_init, _momentum_step),
}


def lr_at(settings: Settings, step: int, total: int) -> float:
    """The learning rate of a step, counted from 1, of `total` steps.

    Examples
    --------
    >>> settings = Settings(lr=0.1, schedule="warmup")
    >>> [round(lr_at(settings, step, 40), 4) for step in (1, 2, 4, 40)]
    [0.025, 0.05, 0.1, 0.1]
    """
    lr, warmup = settings.lr, max(int(WARMUP * total), 1)
    if settings.schedule == "constant":
        return lr
    if settings.schedule == "warmup":
        return warmup_lr(step, warmup=warmup, lr=lr)
    if settings.schedule == "cosine":
        return cosine_lr(step, total=total + 1, warmup=warmup, lr=lr)
    return inverse_square_root_lr(step, warmup=warmup, lr=lr)
