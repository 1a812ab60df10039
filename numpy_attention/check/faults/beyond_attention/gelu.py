"""Mistakes in GELU and its tanh form: one form for the other, missing terms of the derivative."""

from typing import Any

import numpy as np

from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, gradient_like
from ....functional.layers.activations import sigmoid
from ....functional.layers.gelu import (
    GeluSaved,
    GeluTanhSaved,
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    normal_cdf,
)
from ..conditions import Arguments
from ..fault import FINE, FaultFamily

GELU = FaultFamily("gelu", "gelu", Pair(gelu_forward, gelu_backward))
GELU_TANH = FaultFamily("gelu", "gelu_tanh", Pair(gelu_tanh_forward, gelu_tanh_backward))


def _is_curved(call: Arguments) -> bool:
    """Where 0 < |x| < 5."""
    x = np.asarray(call["x"])
    return bool(((x != 0) & (np.abs(x) < 5)).any())


@GELU.pair(active=_is_curved, dtypes=FINE)
def gelu_tanh_for_exact() -> Pair:
    """The tanh form is computed in place of the exact one: up to 5e-4 off."""
    return Pair(gelu_tanh_forward, gelu_tanh_backward)


@GELU.backward(active=_is_curved)
def gelu_without_density(d_out: Any, saved: GeluSaved) -> Any:
    """The derivative lacks x φ(x): d_x = d_out * Φ(x), as if Φ were constant."""
    return gradient_like(
        np.asarray(d_out * normal_cdf(saved.x.astype(np.result_type(saved.x, np.float64)))), saved.x
    )


@GELU.forward(active=_is_curved)
def gelu_of_sigmoid(x: Array) -> tuple[Any, GeluSaved]:
    """x σ(1.702 x), the quick form, is computed in place of the exact one: up to 2e-2 off."""
    out, saved = gelu_forward(x)
    return np.asarray(x * sigmoid(1.702 * np.asarray(x)), dtype=np.asarray(out).dtype)[()], saved


@GELU_TANH.backward(active=_is_curved, dtypes=FINE)
def gelu_tanh_with_exact_derivative(d_out: Any, saved: GeluTanhSaved) -> Any:
    """Forward computes the tanh form, backward the derivative of the exact one."""
    return gelu_backward(d_out, gelu_forward(saved.x)[1])


@GELU_TANH.backward(active=_is_curved)
def gelu_tanh_without_three(d_out: Any, saved: GeluTanhSaved) -> Any:
    """The derivative of x³ is computed as x²: (2u)' = 2 √(2/π) (1 + 0.044715 x²)."""
    right = gelu_tanh_backward(d_out, saved)
    x = saved.x
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    too_much = 0.5 * x * (1 - np.tanh(u) ** 2) * np.sqrt(2 / np.pi) * 2 * 0.044715 * x * x
    return gradient_like(np.asarray(right - d_out * too_much), x)
