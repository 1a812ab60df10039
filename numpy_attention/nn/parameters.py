"""Parameters: nested dicts of arrays, and where they start."""

import math
from typing import Any, TypeAlias

import numpy as np

from ..optim.trees import flatten
from ..training.data import Array

Params: TypeAlias = dict[str, Any]
"""{"features": {"weight": …, "bias": …}, …}: names as PyTorch's state_dict has them."""
Shapes: TypeAlias = dict[str, Any]
"""The same with a shape in the place of each array."""

SHARPNESS = 5.0
"""Where the cosine score's sharpness starts: its scores then lie between -5 and 5."""


def drawn(rng: np.random.Generator, shapes: Shapes, part: str = "") -> Params:
    """Parameters to start from, drawn in the order of the shapes; `part` is what they belong to."""
    return {
        name: drawn(rng, inside, name) if isinstance(inside, dict) else _start(rng, part, name, inside)
        for name, inside in shapes.items()
    }


def count(shapes: Shapes) -> int:
    """How many numbers there are.

    Examples
    --------
    >>> count({"classifier": {"weight": (2, 3), "bias": (2,)}})
    8
    """
    return sum(math.prod(shape) for shape in flatten(shapes).values())


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Weights uniform between ±sqrt(6 / (fan_in + fan_out)), after Glorot & Bengio 2010, equation 16.

    fan_in is the last axis; fan_out the one before it, 1 if there is none.
    """
    fan_out, fan_in = (1, *shape)[-2:]
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def _start(rng: np.random.Generator, part: str, name: str, shape: tuple[int, ...]) -> Array:
    """Biases 0, a temperature 1, the weights of a norm 1, all other weights drawn."""
    if name.endswith("bias") or name == "log_temperature":
        return np.zeros(shape)
    if part.endswith("norm"):
        return np.ones(shape)
    return np.array(SHARPNESS) if name == "sharpness" else glorot(rng, shape)
