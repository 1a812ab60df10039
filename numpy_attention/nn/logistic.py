"""Logistic regression on all columns at once: no tokens, no attention.

    logits = flatten(x) @ Wᵀ + b          (B, T, input_dim) -> (B,), or (B, K) for K > 1 outputs

What a table can be told by a weighted sum of its columns. Trained as the others are, by the same pairs.
"""

from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

from ..training.data import Array
from .parameters import Params, Shapes, drawn


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
    def name(self) -> str:
        """What it is called in a table."""
        return "logistic"

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        columns = self.tokens * self.input_dim
        return {"logistic": {"weight": (self.outputs, columns), "bias": (self.outputs,)}}

    def init(self, rng: np.random.Generator) -> Params:
        """Parameters to start from."""
        return drawn(rng, self.shapes())

    def forward(self, params: Params, x: Array, lengths: Array | None = None) -> tuple[Array, Any]:
        """Logits of x (B, T, input_dim), and what the backward needs; what pads x is 0 and adds nothing."""
        logits, saved = na.linear_forward(x.reshape(len(x), -1), **params["logistic"])
        return logits[:, 0] if self.outputs == 1 else logits, saved

    def backward(self, d_logits: Array, saved: Any) -> Params:
        """The gradient of both."""
        _, d_weight, d_bias = na.linear_backward(d_logits.reshape(-1, self.outputs), saved)
        return {"logistic": {"weight": d_weight, "bias": d_bias}}
