"""Logistic regression on all columns at once: no tokens, no attention.

    logits = flatten(x) @ Wᵀ + b          (B, T, input_dim) -> (B,), or (B, K) for K > 1 outputs

The baseline for a table: what a weighted sum of its columns predicts.
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.layers.linear import linear_backward, linear_forward
from .head_entries import Entries
from .parameters import (
    Params,
    Shapes,
    admit_d_logits,
    admit_tokens,
    check_params,
    check_saved,
    explained_layer,
    init_params,
)


class LogisticSaved(NamedTuple):
    """Input of the backward."""

    shape: tuple[int, ...]
    """That of x, (B, T, input_dim)"""
    linear: Any


@explained_layer
class Logistic(NamedTuple):
    """One weight for each column and output.

    Examples
    --------
    >>> model = Logistic(tokens=3, input_dim=2)
    >>> model.forward(model.init(np.random.default_rng(0)), np.zeros((5, 3, 2)))[0]
    array([0., 0., 0., 0., 0.])
    """

    tokens: int
    input_dim: int
    outputs: int = 1

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters in training."""
        return np.float64

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "logistic"

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        columns = self.tokens * self.input_dim
        return {"logistic": {"weight": (self.outputs, columns), "bias": (self.outputs,)}}

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """None."""
        return {}

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters: weights by `glorot`, bias 0."""
        return init_params(rng, self.shapes())

    def forward(self, params: Params, x: Array, lengths: Array | None = None) -> tuple[Array, LogisticSaved]:
        """Logits of x (B, T, input_dim), and what `backward` needs; padding in x is 0 and adds nothing."""
        check_params(params, self.shapes())
        x = admit_tokens(x, self.input_dim, self.tokens)
        logits, saved = linear_forward(x.reshape(len(x), -1), **params["logistic"])
        return logits[:, 0] if self.outputs == 1 else logits, LogisticSaved(x.shape, saved)

    def backward(
        self, d_logits: Array, saved: LogisticSaved, *, needs_d_x: bool = True
    ) -> tuple[Any, Params]:
        """d_x (B, T, input_dim), None unless `needs_d_x`, and the gradient of weight and bias."""
        check_saved(saved, LogisticSaved)
        d_logits = admit_d_logits(d_logits, saved.shape[0], self.outputs)
        d_x, d_weight, d_bias = linear_backward(d_logits, saved.linear, needs_d_x=needs_d_x)
        return d_x.reshape(saved.shape) if needs_d_x else None, {
            "logistic": {"weight": d_weight, "bias": d_bias}
        }
