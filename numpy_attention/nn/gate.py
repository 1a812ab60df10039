"""The sigmoid output gate: what the heads found, each number times one between 0 and 1.

gated = joined * σ(query @ weightᵀ + bias)
"""

from typing import Any, NamedTuple

from ..functional.base.admission import Array
from ..functional.base.arrays import gradient_like, shape_repr
from ..functional.layers.activations import sigmoid_backward, sigmoid_forward
from .linear import Linear
from .parameters import Params


@shape_repr
class GateSaved(NamedTuple):
    """What the linear map and the sigmoid saved, joined, and the opening between 0 and 1."""

    linear: Any
    sigmoid: Any
    joined: Array
    opening: Array


def gate_forward(gate: Linear, params: Params, query: Array, joined: Array) -> tuple[Array, GateSaved]:
    """gated (B, L, H * D), from query (B, L, width) and joined (B, L, H * D)."""
    closed, linear = gate.forward(params, query)
    opening, sigmoid = sigmoid_forward(closed)
    return joined * opening, GateSaved(linear, sigmoid, joined, opening)


def gate_backward(gate: Linear, d_gated: Array, saved: GateSaved) -> tuple[Any, Any, Params]:
    """Undo gated = joined * opening: d_query, d_joined and the gradients of the gate's parameters."""
    linear, sigmoid, joined, opening = saved
    d_opening = gradient_like(d_gated * joined, opening, fresh=True)
    d_query, d_params = gate.backward(sigmoid_backward(d_opening, sigmoid), linear)
    return d_query, gradient_like(d_gated * opening, joined, fresh=True), d_params
