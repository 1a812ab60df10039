"""Optimizers and schedules by name, as the settings name them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy_attention as na

from ..nn.parameters import Params
from .settings import Settings

MOMENTUM = 0.9
WARMUP = 0.1
"""The share of all steps in which a schedule with a warm-up rises."""


class Optimizer(NamedTuple):
    """Its first state, and its step."""

    init: Callable[[Params], dict[str, Any]]
    step: Callable[..., tuple[Params, dict[str, Any]]]
    """step(params, grads, state, lr=…) -> (params, state)"""


def _momentum_step(params: Params, grads: Params, state: Any, *, lr: float) -> tuple[Params, dict[str, Any]]:
    return na.sgd_step(params, grads, state, lr=lr, momentum=MOMENTUM)


OPTIMIZERS = {
    "adam": Optimizer(na.adam_init, na.adam_step),
    "adamw": Optimizer(na.adamw_init, na.adamw_step),
    "sgd": Optimizer(na.sgd_init, na.sgd_step),
    "momentum": Optimizer(na.sgd_init, _momentum_step),
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
        return na.warmup_lr(step, warmup=warmup, lr=lr)
    if settings.schedule == "cosine":
        return na.cosine_lr(step, total=total + 1, warmup=warmup, lr=lr)
    return na.inverse_square_root_lr(step, warmup=warmup, lr=lr)
