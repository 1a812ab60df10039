"""Scores, weights and gradients of a few sampled query rows, recomputed with the axes (..., G, n, R, S)."""

import math
from functools import cached_property

import numpy as np

from ...functional.attention.biases import Bias
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array
from ...functional.base.arrays import transposed
from .arguments import CallArrays

SAMPLE = 16
"""Number of sampled query rows,"""

SAMPLED_SCORES = 2**24
"""reduced where they would have more scores than this."""

ALL = slice(None)


class SampledRows:
    """A few of some query rows, evenly spaced, first and last included, recomputed from the arguments alone.

    d_scores = weights * (d - mean + d_lse) * slope, slope being softcap's derivative.
    """

    def __init__(self, call: CallArrays, rows: Array) -> None:
        scores = math.prod(call.batch) * call.H * max(call.S, 1)
        count = max(2, min(SAMPLE, SAMPLED_SCORES // max(scores, 1)))
        places = np.unique(np.linspace(0, max(len(rows) - 1, 0), count).astype(int))
        self.call, self.places = call, places[: len(rows)]
        self.indices = rows[self.places]
        self.tiles = [slice(row, row + 1) for row in self.indices.tolist()]

    def __len__(self) -> int:
        return len(self.indices)

    def of(self, x: Array, axis: int = -1) -> Array:
        """These rows of an array, unless it is broadcast along the row axis."""
        return x if x.shape[axis] == 1 != self.call.L else np.asarray(np.take(x, self.indices, axis=axis))

    def given(self, name: str) -> Array:
        """Weights or d_scores, which have been given for the rows that these are a sample of."""
        return np.asarray(np.take(self.call.require(name), self.places, axis=-2))

    @cached_property
    def visible(self) -> Array:
        """True where a query may attend to a key."""
        call = self.call
        if call.mask is None or not self.tiles:
            return np.ones((1, 1, len(self), call.S), dtype=bool)
        tiles = [np.asarray(call.mask.tile(row, ALL, call.L, call.S, heads=True)) for row in self.tiles]
        tiles = [tile[(None,) * (3 - tile.ndim)] for tile in tiles]
        batch = np.broadcast_shapes(*(tile.shape[:-2] for tile in tiles))
        x = np.concatenate([np.broadcast_to(tile, (*batch, 1, call.S)) for tile in tiles], axis=-2)
        return x.reshape(*batch[:-1], *call.split_heads(batch[-1]), len(self), call.S)

    @cached_property
    def bias(self) -> Array:
        """The bias; 0 without one."""
        call, bias = self.call, self.call.inputs.bias
        if isinstance(bias, Bias) and self.tiles:
            return call.grouped(
                np.concatenate([bias.tile(r, ALL, call.L, call.S) for r in self.tiles], -2), 2
            )
        array = call.array("bias")
        return np.zeros((1, 1, 1, 1)) if array is None else self.of(array, axis=-2)

    @cached_property
    def multipliers(self) -> Array:
        """The dropout multipliers; 1 without dropout."""
        call, dropout = self.call, self.call.inputs.dropout
        if isinstance(dropout, Dropout) and self.tiles:
            shape = (*call.batch, call.H, call.L, call.S)
            return call.grouped(np.concatenate([dropout.tile(r, ALL, shape) for r in self.tiles], -2), 2)
        array = call.array("dropout")
        return np.ones((1, 1, 1, 1)) if array is None else self.of(array, axis=-2)

    @cached_property
    def scores(self) -> Array:
        """scale * query @ keyᵀ."""
        scale, query = self.of(self.call.finite_scale, axis=-2), self.of(self.call.query, axis=-2)
        return np.asarray(scale * (query @ transposed(self.call.key)))

    @cached_property
    def masked(self) -> Array:
        """The input of the softmax: capped, biased, -inf where hidden."""
        cap = self.call.inputs.softcap
        capped = self.scores if cap is None else cap * np.tanh(self.scores / cap)
        return np.where(self.visible, capped + self.bias, -np.inf)

    @cached_property
    def weights(self) -> Array:
        """Of step 5."""
        top = self.masked.max(axis=-1, keepdims=True, initial=-np.inf)
        sinks = None if self.call.sinks is None else self.call.sinks[..., None, None]
        if sinks is not None:
            top = np.maximum(top, sinks)
        shift = np.where(np.isfinite(top), top, 0.0)
        powers = np.exp(self.masked - shift)
        total = powers.sum(axis=-1, keepdims=True)
        if sinks is not None:
            total = total + np.exp(sinks - shift)
        return np.asarray(powers / np.where(total == 0, 1.0, total))

    @cached_property
    def d(self) -> Array:
        """d_weights, 0 where weights are 0."""
        d = self.multipliers * (self.of(self.call.d_out, axis=-2) @ transposed(self.call.value))
        d_weights = self.call.array("d_weights")
        if d_weights is not None:
            d = d + self.of(d_weights, axis=-2)
        return np.where(self.weights == 0, 0.0, d)

    @cached_property
    def mean(self) -> Array:
        """Σ weights d of each row."""
        return np.asarray((self.weights * self.d).sum(axis=-1, keepdims=True))

    @cached_property
    def slope(self) -> Array:
        """The derivative of softcap."""
        cap = self.call.inputs.softcap
        if cap is None:
            return np.ones((1, 1, 1, 1))
        return np.asarray(1 / np.cosh(np.minimum(np.abs(self.scores / cap), 300.0)) ** 2)
