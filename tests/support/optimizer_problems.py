"""Parameters, gradients and optimizers that the tests of this folder share."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numpy_attention.optim.adam import adam_init, adam_step, adamw_init, adamw_step
from numpy_attention.optim.sgd import sgd_init, sgd_step
from numpy_attention.optim.updates import Tree, leaves, with_leaves

U = 2.0**-53
"""The unit roundoff of float64: one operation rounds by at most this share of its result."""


class Optimizer(NamedTuple):
    """What begins, and what steps."""

    init: Callable[..., Any]
    step: Callable[..., Any]


OPTIMIZERS = {
    "sgd": Optimizer(sgd_init, functools.partial(sgd_step, lr=0.1)),
    "momentum": Optimizer(sgd_init, functools.partial(sgd_step, lr=0.1, momentum=0.9)),
    "adam": Optimizer(adam_init, functools.partial(adam_step, lr=0.1)),
    "epsilon hat": Optimizer(adam_init, functools.partial(adam_step, lr=0.1, eps_added="before_correction")),
    "adamw": Optimizer(adamw_init, functools.partial(adamw_step, lr=0.1, weight_decay=0.1)),
}


def drawn(seed: int, dtype: Any = np.float64, scale: float = 1.0) -> dict[str, Any]:
    """A tree of normal numbers: two levels, an empty branch, no axis, an axis of length 0."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return np.asarray(scale * rng.standard_normal(shape), dtype)

    return {
        "encoder": {"weight": normal(5, 3), "bias": normal(5), "activation": {}},
        "empty": normal(0, 7),
        "temperature": normal(),
    }


def mapped(function: Callable[..., Any], tree: Tree, *others: Tree) -> dict[Any, Any]:
    """A tree of function(leaf, …) over the leaves of trees alike."""
    found = [leaves("tree", each) for each in (tree, *others)]
    return with_leaves(tree, {path: function(*(each[path] for each in found)) for path in found[0]})


def bits(tree: Tree) -> dict[Any, Any]:
    """All that is in a tree, so that == means equal to the bit."""
    return {
        path: (type(leaf), leaf.dtype, leaf.shape, leaf.tobytes())
        for path, leaf in leaves("tree", tree).items()
    }


def run(
    optimizer: Optimizer, params: Tree, steps: range, state: Tree | None = None, scale: float = 1.0
) -> tuple[Any, Any]:
    """Steps with gradients that are drawn from each step's number."""
    state = optimizer.init(params) if state is None else state
    for step in steps:
        random = drawn(seed=step, scale=scale)
        grads = mapped(lambda g, p: np.asarray(g, p.dtype), random, params)
        params, state = optimizer.step(params, grads, state)
    return params, state
