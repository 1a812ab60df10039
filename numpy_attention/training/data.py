"""What a task is: where its examples come from, what it starts from, and what its own figures are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .cleaning import Prepared
    from .evaluation import Figures, Predictions
    from .settings import Settings

Array: TypeAlias = NDArray[Any]


class Examples(NamedTuple):
    """Examples of a task; N of them, each a sequence of T tokens of `input_dim` numbers."""

    x: Array
    """(N, T, input_dim)"""
    y: Array
    """(N,) which class it is, counted from 0"""
    decisive: Array | None = None
    """(N,) which token decides the label, -1 where none does; shown to readers, never to a model"""
    lengths: Array | None = None
    """(N,) how many tokens are real, the rest being padding; None: all are"""
    other: Array | None = None
    """(N,) the class of the example that is mixed in, where examples are mixed; see `mixing`"""
    share: Array | None = None
    """(N,) the share that y has then; the rest is that of `other`"""

    def some(self, rows: Any) -> "Examples":
        """The examples that an index or a slice picks."""
        optional = [None if array is None else array[rows] for array in self[2:]]
        return Examples(self.x[rows], self.y[rows], *optional)


class Data(NamedTuple):
    """A task's data, as they came."""

    train: Examples
    test: Examples
    classes: tuple[str, ...] = ("no", "yes")
    """What the classes are called; two or more."""
    columns: tuple[str, ...] = ()
    """The columns of a table, in the order in which they fill the tokens; () for what is no table."""
    by_place: bool = False
    """Whether one column of two tokens is two quantities, each with a mean and a deviation of its own."""

    @property
    def outputs(self) -> int:
        """How many numbers a model says of an example: one logit for two classes, else one for each."""
        return 1 if len(self.classes) == 2 else len(self.classes)


class Task(NamedTuple):
    """A task by name; `TASKS` lists them."""

    name: str
    question: str
    """What is asked of an example, in one line."""
    draw: "Callable[[Settings], Data]"
    """draw(settings): the raw data."""
    report: "Callable[[Settings, Prepared, Predictions, dict[str, Figures]], list[str]]"
    """report(settings, data, predictions for data.test, figures by name): the task's own, as lines."""
    defaults: dict[str, Any]
    """The settings that differ from those of `Settings`."""
    layer: bool = False
    """Whether the tokens look at each other before they are pooled."""
    logistic: bool = False
    """Whether logistic regression on all columns is trained beside."""
    baselines: "Callable[[Data], dict[str, Figures]] | None" = None
    """What can be had without training."""
    augment: Callable[[np.random.Generator, Array], Array] | None = None
    """augment(rng, raw x of the training part): the same examples, slightly changed, anew for each epoch."""
    mixing: float | None = None
    """Whether examples are mixed in pairs, anew for each epoch, and how: see `mixing`."""


# What a seed is used for; each use draws from a stream of its own.
EXAMPLES, START, ORDER, CHANGES = 1, 2, 3, 4


def stream(seed: int, use: int, part: int = 1) -> np.random.Generator:
    """The random stream of one use of a seed (EXAMPLES, START, …), parts counted from 1."""
    return np.random.default_rng((seed, use, part))
