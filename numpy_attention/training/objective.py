"""What the loop trains: a model together with its loss, parameters outside.

outcome = objective.loss_and_gradients(params, batch, seed)        backward by hand
figures = objective.figures(params, examples)                      nothing is trained
"""

from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from ..nn.head_entries import Entries
from ..nn.parameters import Params, Shapes

Self = TypeVar("Self", bound="ExampleSet")


class ExampleSet(Protocol):
    """ExampleSet to train on, in any form that the objective takes."""

    @property
    def size(self) -> int:
        """Their number."""

    def some(self: Self, rows: Any) -> Self:
        """The examples selected by an index array or a slice."""


class Figures(NamedTuple):
    """Quality of predictions."""

    loss: float
    """The mean over the targets; NaN for predictions without probabilities."""
    accuracy: float


class Outcome(NamedTuple):
    """What one batch gives: its mean loss, and the gradient of that by every parameter."""

    loss: float
    d_params: Params
    targets: int
    """How many targets the loss is the mean of."""
    right: int
    """How many of them have the highest probability."""


class Objective(Protocol):
    """A model and its loss."""

    @property
    def name(self) -> str:
        """Label of the model in tables."""

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters."""

    def shapes(self) -> Shapes:
        """The shape of every parameter."""

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """For every attention, by its place, the entries of each of its heads: see `nn.head_entries`."""

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""

    def loss_and_gradients(self, params: Params, batch: Any, seed: int) -> Outcome:
        """The outcome of a batch; seed: of what is random in the model, such as dropout."""

    def figures(self, params: Params, examples: Any) -> Figures:
        """Mean loss and accuracy, without dropout."""
