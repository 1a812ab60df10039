"""What a task is: where its examples come from, and what its own figures are."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Examples(NamedTuple):
    """Examples of a task; N of them, each a sequence of T tokens of `input_dim` numbers."""

    x: Array
    """(N, T, input_dim)"""
    y: Array
    """(N,) the label: 1.0 or 0.0"""
    decisive: Array
    """(N,) which token decides the label, -1 where none does; shown to readers, never to a model"""


class Data(NamedTuple):
    """The two parts of a task's data."""

    train: Examples
    test: Examples


class Task(NamedTuple):
    """A task by name; `TASKS` lists them."""

    name: str
    question: str
    """What is asked of an example, in one line."""
    draw: Callable[[int], Data]
    """draw(seed): the raw data."""
    report: Callable[[Examples, Array, Array], list[str]]
    """report(raw examples, logits (N,), weights (N, H, T)): the task's own figures, as lines."""


# What a seed is used for; each use draws from a stream of its own.
EXAMPLES, START, ORDER = 1, 2, 3


def stream(seed: int, use: int, part: int = 1) -> np.random.Generator:
    """The random stream of one use of a seed (EXAMPLES, START or ORDER), parts counted from 1."""
    return np.random.default_rng((seed, use, part))
