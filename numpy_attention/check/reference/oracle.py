"""Attention to fifty digits, forward and backward: the definition that everything else is measured against.

Each query row is computed by itself, over its visible keys one by one; backward adds to the gradient of every
number that the row has read. There are no matrices, broadcasting means reading the same number again, and no
line is shared with the code under test.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.decimals import digits, exact, sech, tanh
from .inputs import Inputs


class Results(NamedTuple):
    """All outputs and gradients of attention, or one quantity for each; None for missing arguments."""

    out: Any
    weights: Any
    lse: Any
    d_query: Any
    d_key: Any
    d_value: Any
    d_bias: Any
    d_scale: Any
    d_sinks: Any

    def only(self, *names: str) -> "Results":
        """The named results; the others are None."""
        return Results(*(x if name in names else None for name, x in self._asdict().items()))

    def without(self, *names: str) -> "Results":
        """All results but the named ones, which are None."""
        return self.only(*(name for name in self._fields if name not in names))


def oracle(inputs: Inputs) -> Results:
    """Attention and its gradients, as arrays of Decimals good to about fifty digits.

    Examples
    --------
    >>> one, two = np.ones((1, 1)), np.array([[1.0], [2.0]])
    >>> print(oracle(Inputs(one, two, two)).out[0, 0])
    1.7310585786300048792511592418218362743651446401651
    """
    with digits():
        return _Attention(inputs).results()


class _Operand:
    """An argument in Decimals and its gradient, broadcast to the shape that attention reads. Its gradient
    is a strided view: additions at all places of one number accumulate in its single entry."""

    def __init__(self, x: Any, shape: tuple[int, ...], default: Any = 0) -> None:
        self.present = x is not None
        values = exact(x) if self.present else np.array(Decimal(default), dtype=object)
        self.own_gradient = _zeros(values.shape)
        self.value = np.broadcast_to(values, shape)
        strides = np.broadcast_to(self.own_gradient, shape).strides
        self.gradient = np.lib.stride_tricks.as_strided(self.own_gradient, shape, strides)

    def result(self) -> Array | None:
        """The gradient, in the argument's own shape."""
        return self.own_gradient if self.present else None


class _Attention:
    """Everything the rows read and write. A single head gets a head axis, dropped again at the end."""

    def __init__(self, inputs: Inputs) -> None:
        self.heads = inputs.query.ndim > 2
        *batch, L, S = inputs.shape if self.heads else (1, *inputs.shape)
        D, E, H = inputs.query.shape[-1], inputs.value.shape[-1], batch.pop()
        G = H // inputs.group
        self.rows, self.S, self.group = (*batch, H, L), S, inputs.group
        pairs = (*self.rows, S)
        self.query = _Operand(inputs.query, (*self.rows, D))
        self.key = _Operand(inputs.key, (*batch, G, S, D))
        self.value = _Operand(inputs.value, (*batch, G, S, E))
        self.bias = _Operand(inputs.bias_array, pairs)
        self.scale = _Operand(inputs.scale, pairs, 1 / Decimal(D or 1).sqrt())
        self.sinks = _Operand(inputs.sinks, (*batch, H), "-Infinity")
        self.multipliers = _Operand(inputs.multipliers, pairs, 1)
        self.softcap = None if inputs.softcap is None else Decimal(inputs.softcap)
        self.visible = np.broadcast_to(True if inputs.visible is None else inputs.visible, pairs)
        self.d_out = _Operand(inputs.d_out, (*self.rows, E))
        self.d_weights = _Operand(inputs.d_weights, pairs)
        self.d_lse = _Operand(inputs.d_lse, self.rows)
        self.out, self.weights, self.lse = _zeros((*self.rows, E)), _zeros(pairs), _zeros(self.rows)

    def results(self) -> Results:
        """Compute all rows, one by one."""
        for row in np.ndindex(self.rows):
            self.row(row)
        results = (self.out, self.weights, self.lse)
        reads = (self.query, self.key, self.value, self.bias, self.scale, self.sinks)
        return Results(*(x if self.heads else x[0] for x in results), *(read.result() for read in reads))

    def row(self, row: tuple[int, ...]) -> None:
        """Forward and backward of one query; j and k run over its visible keys, i over the width."""
        *batch, h, _ = row
        head, own_head = (*batch, h), (*batch, h // self.group)
        query, keys = self.query.value[row], self.key.value[own_head]
        values, bias, scale = self.value.value[own_head], self.bias.value[row], self.scale.value[row]
        multipliers, sink = self.multipliers.value[row], self.sinks.value[head]
        d_out, d_lse = self.d_out.value[row], self.d_lse.value[row]
        visible = [j for j in range(self.S) if self.visible[row][j] and bias[j] != Decimal("-Infinity")]

        # score, softcap, bias
        products = {j: _dot(query, keys[j]) for j in visible}
        capped = {j: self.capped(scale[j] * products[j]) for j in visible}
        biased = {j: capped[j] + bias[j] for j in visible}
        # weight_j = exp(biased_j) / (Σ_k exp(biased_k) + exp(sink)), all divided by the largest exp first
        top = max([sink, *biased.values()])
        if not top.is_finite():
            self.lse[row] = top
            return
        powers = {j: (biased[j] - top).exp() for j in visible}
        sink_power = (sink - top).exp()
        total = sum(powers.values()) + sink_power
        weights, sink_weight = {j: powers[j] / total for j in visible}, sink_power / total
        self.lse[row] = top + total.ln()
        # dropout, values
        for j in visible:
            self.weights[row][j] = weights[j]
            self.out[row] += weights[j] * multipliers[j] * values[j]

        # ∂out / ∂weight_j = multiplier_j value_j, and what comes down to the weights themselves
        d_weights = {
            j: multipliers[j] * _dot(d_out, values[j]) + self.d_weights.value[row][j] for j in visible
        }
        # ∂weight_k / ∂biased_j = weight_k ([k = j] - weight_j), hence
        # d_biased_j = weight_j (d_weight_j - Σ_k weight_k d_weight_k). As all weights, the sink's too, sum to
        # 1, the d_weight of the largest may be taken off all of them: else it would drown what is small.
        d_top = Decimal(0) if sink == top else d_weights[max(visible, key=biased.__getitem__)]
        mean = sum(weights[j] * (d_weights[j] - d_top) for j in visible) - sink_weight * d_top
        # ∂lse / ∂biased_j = weight_j
        d_biased = {j: weights[j] * (d_weights[j] - d_top - mean + d_lse) for j in visible}
        self.sinks.gradient[head] += sink_weight * (0 - d_top - mean + d_lse)
        for j in visible:
            self.bias.gradient[row][j] += d_biased[j]
            d_score = d_biased[j] * self.slope(scale[j] * products[j])
            self.scale.gradient[row][j] += d_score * products[j]
            self.query.gradient[row] += d_score * scale[j] * keys[j]
            self.key.gradient[own_head][j] += d_score * scale[j] * query
            self.value.gradient[own_head][j] += weights[j] * multipliers[j] * d_out

    def capped(self, score: Decimal) -> Decimal:
        """softcap * tanh(score / softcap)."""
        return score if self.softcap is None else self.softcap * tanh(score / self.softcap)

    def slope(self, score: Decimal) -> Decimal:
        """∂ capped / ∂ score."""
        return Decimal(1) if self.softcap is None else sech(score / self.softcap) ** 2


def _dot(x: Iterable[Decimal], y: Iterable[Decimal]) -> Decimal:
    return sum((a * b for a, b in zip(x, y, strict=True)), Decimal(0))


def _zeros(shape: tuple[int, ...]) -> Array:
    return np.full(shape, Decimal(0), dtype=object)
