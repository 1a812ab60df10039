"""The models that a run can train, as protocols: parameters outside, forward and backward by hand."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from ...functional.base.admission import Array
from ...nn.head_entries import Entries
from ...nn.parameters import Params, Shapes


class DataSizes(NamedTuple):
    """The sizes of a model that the data determine."""

    tokens: int
    input_dim: int
    outputs: int


class Model(Protocol):
    """Examples in, logits out."""

    @property
    def name(self) -> str:
        """Label of the model in tables."""

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters in training."""

    def shapes(self) -> Shapes:
        """The shape of every parameter."""

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """For every attention, by its place, the entries of each of its heads: see `nn.head_entries`."""

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""

    def forward(self, params: Params, x: Array, lengths: Array | None = None) -> tuple[Array, Any]:
        """(logits (N,) or (N, K), what `backward` needs)"""

    def backward(self, d_logits: Array, saved: Any, *, needs_d_x: bool = True) -> tuple[Any, Params]:
        """(d_x or None, the gradient of every parameter)"""


class AttentionModel(Model, Protocol):
    """A model whose saved.weights (N, H, T) and saved.maps are attention weights."""

    def steps(self, tokens: int) -> dict[str, str]:
        """The steps of the model, as a report names them: features, attention, prediction without logits."""

    def with_uniform_weights(self) -> "AttentionModel":
        """The same model with uniform weights: the baseline that learns no attention."""
