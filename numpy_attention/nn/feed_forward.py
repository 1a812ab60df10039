"""The feed-forward part of a transformer: two linear maps and an activation between, gated or not.

hidden = activation(linear1(x))                      relu, gelu, gelu_tanh, silu
hidden = activation(gate(x)) * linear1(x)            swiglu, geglu, geglu_tanh
out    = linear2(dropout(hidden))
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from ..functional.base.admission import Array
from ..functional.base.arrays import Pair, shape_repr
from ..functional.layers.activations import relu_backward, relu_forward
from ..functional.layers.gelu import gelu_backward, gelu_forward, gelu_tanh_backward, gelu_tanh_forward
from ..functional.layers.smooth import silu_backward, silu_forward
from .dropout import thin_backward, thin_forward
from .layer import Layer, admit_choice, admit_flags, admit_rate, admit_sizes, admit_width, child_seeds, layer
from .linear import Linear
from .parameters import Params, check_saved

ACTIVATIONS = {
    "relu": Pair(relu_forward, relu_backward),
    "gelu": Pair(gelu_forward, gelu_backward),
    "gelu_tanh": Pair(gelu_tanh_forward, gelu_tanh_backward),
    "silu": Pair(silu_forward, silu_backward),
}
GATED = {
    "swiglu": ACTIVATIONS["silu"],
    "geglu": ACTIVATIONS["gelu"],
    "geglu_tanh": ACTIVATIONS["gelu_tanh"],
}
"""The activation of the gate, by the name of the whole."""


@shape_repr
class FeedForwardSaved(NamedTuple):
    """One entry per step of the forward, in its order; gate and product are None without a gate."""

    linear1: Any
    gate: Any
    activation: Any
    product: tuple[Array, Array] | None
    dropout: Any
    linear2: Any


@layer
@dataclass(frozen=True)
class FeedForward(Layer):
    """linear2(activation(linear1(x))), or linear2(activation(gate(x)) * linear1(x)).

    Parameters
    ----------
    width, hidden : columns of x and out, and between the two linear maps
    activation : "relu", "gelu", "gelu_tanh", "silu", or gated "swiglu", "geglu", "geglu_tanh"
    bias : False for no biases
    dropout : the probability that a hidden number is dropped in training

    Parameters of the layer, as in PyTorch's transformer layers: linear1, linear2; and gate where it is gated.
    Llama calls these up_proj, down_proj, gate_proj.

    Examples
    --------
    >>> import numpy as np
    >>> layer = FeedForward(4, 8, activation="swiglu", bias=False)
    >>> {name: array["weight"].shape for name, array in layer.init(np.random.default_rng(0)).items()}
    {'linear1': (8, 4), 'gate': (8, 4), 'linear2': (4, 8)}

    References
    ----------
    Vaswani et al. 2017, section 3.3; gated forms Shazeer 2020.
    """

    width: int
    hidden: int
    _: KW_ONLY
    activation: str = "relu"
    bias: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        admit_sizes(width=self.width, hidden=self.hidden)
        admit_choice("activation", self.activation, (*ACTIVATIONS, *GATED))
        admit_flags(bias=self.bias)
        admit_rate("dropout", self.dropout)

    @cached_property
    def linear1(self) -> Linear:
        """The first linear map, width -> hidden."""
        return Linear(self.width, self.hidden, bias=self.bias)

    @cached_property
    def linear2(self) -> Linear:
        """The second linear map, hidden -> width."""
        return Linear(self.hidden, self.width, bias=self.bias)

    def parts(self) -> dict[str, Layer]:
        gate = {"gate": self.linear1} if self.activation in GATED else {}
        return {"linear1": self.linear1, **gate, "linear2": self.linear2}

    def forward(
        self, params: Params, x: npt.ArrayLike, *, seed: int | None = None
    ) -> tuple[Any, FeedForwardSaved]:
        """out, in the shape of x (..., width), and what `backward` needs."""
        self.check(params)
        x = admit_width("x", x, self.width)
        gate: Any = None
        product = None
        hidden, linear1 = self.linear1.forward(params["linear1"], x)
        if self.activation in GATED:
            opened, gate = self.linear1.forward(params["gate"], x)
            active, activation = GATED[self.activation].forward(opened)
            hidden, product = active * hidden, (active, hidden)
        else:
            hidden, activation = ACTIVATIONS[self.activation].forward(hidden)
        thinned, dropout = thin_forward(self.dropout, hidden, child_seeds(seed, 1)[0])
        out, linear2 = self.linear2.forward(params["linear2"], thinned)
        return out, FeedForwardSaved(linear1, gate, activation, product, dropout, linear2)

    def backward(self, d_out: npt.ArrayLike, saved: FeedForwardSaved) -> tuple[Any, Params]:
        """d_x, and d_params: the forward's lines upwards."""
        check_saved(saved, FeedForwardSaved)
        # out = linear2(dropout(hidden))
        d_thinned, d_linear2 = self.linear2.backward(d_out, saved.linear2)
        d_hidden = thin_backward(d_thinned, saved.dropout)
        if saved.product is None:
            # hidden = activation(linear1(x))
            d_hidden = ACTIVATIONS[self.activation].backward(d_hidden, saved.activation)
            d_x, d_linear1 = self.linear1.backward(d_hidden, saved.linear1)
            return d_x, {"linear1": d_linear1, "linear2": d_linear2}
        # hidden = activation(gate(x)) * linear1(x)
        active, hidden = saved.product
        d_opened = GATED[self.activation].backward(d_hidden * hidden, saved.activation)
        d_x_gate, d_gate = self.linear1.backward(d_opened, saved.gate)
        d_x, d_linear1 = self.linear1.backward(d_hidden * active, saved.linear1)
        return d_x + d_x_gate, {"linear1": d_linear1, "gate": d_gate, "linear2": d_linear2}
