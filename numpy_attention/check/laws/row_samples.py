"""Scores, weights and gradients of a few sampled query rows, recomputed with the axes (..., G, n, R, S)."""

import math
from functools import cached_property
from typing import NamedTuple

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


class Rows(NamedTuple):
    """Recomputed rows: d_scores = weights * (d - mean + d_lse) * slope, slope being softcap's derivative."""

    rows: Array
    slope: Array
    weights: Array
    multipliers: Array
    d: Array
    mean: Array


class SampledRows(CallArrays):
    """CallArrays, and its rows."""

    def evenly_spaced(self, rows: Array) -> Array:
        """Evenly spaced indices into `rows`, first and last included."""
        scores = math.prod(self.batch) * self.H * max(self.S, 1)
        count = max(2, min(SAMPLE, SAMPLED_SCORES // max(scores, 1)))
        places = np.unique(np.linspace(0, max(len(rows) - 1, 0), count).astype(int))
        return np.asarray(places[: len(rows)])

    @cached_property
    def sample(self) -> Array:
        """The sampled query rows, chosen among those that weights cover."""
        return np.asarray(self.rows[self.evenly_spaced(self.rows)])

    def sampled(self, name: str) -> Array:
        """Weights or d_scores at the sampled rows."""
        return np.asarray(np.take(self.require(name), self.evenly_spaced(self.rows), axis=-2))

    def at_rows(self, rows: Array, x: Array, axis: int = -1) -> Array:
        """`rows` of an array, unless it is broadcast along the row axis."""
        return x if x.shape[axis] == 1 != self.L else np.asarray(np.take(x, rows, axis=axis))

    def visible_at(self, rows: Array) -> Array:
        """True where a query may attend to a key."""
        if self.mask is None or not len(rows):
            return np.ones((1, 1, len(rows), self.S), dtype=bool)
        single = [slice(row, row + 1) for row in rows.tolist()]
        tiles = [np.asarray(self.mask.tile(row, ALL, self.L, self.S, heads=True)) for row in single]
        tiles = [tile[(None,) * (3 - tile.ndim)] for tile in tiles]
        batch = np.broadcast_shapes(*(tile.shape[:-2] for tile in tiles))
        x = np.concatenate([np.broadcast_to(tile, (*batch, 1, self.S)) for tile in tiles], axis=-2)
        return x.reshape(*batch[:-1], *self.split_heads(batch[-1]), len(rows), self.S)

    def bias_at(self, rows: Array) -> Array:
        """The bias; 0 without one."""
        bias = self.spec.bias
        if isinstance(bias, Bias) and len(rows):
            tiles = [bias.tile(slice(r, r + 1), ALL, self.L, self.S) for r in rows.tolist()]
            return self.grouped(np.concatenate(tiles, axis=-2), 2)
        array = self.array("bias")
        return np.zeros((1, 1, 1, 1)) if array is None else self.at_rows(rows, array, axis=-2)

    def scores_at(self, rows: Array) -> tuple[Array, Array]:
        """scale * query @ keyᵀ, and the input of the softmax: capped, biased, -inf where hidden."""
        query = self.at_rows(rows, self.query, axis=-2)
        scores = self.at_rows(rows, self.finite_scale, axis=-2) * (query @ transposed(self.key))
        cap = self.spec.softcap
        capped = scores if cap is None else cap * np.tanh(scores / cap)
        return scores, np.where(self.visible_at(rows), capped + self.bias_at(rows), -np.inf)

    def multipliers_at(self, rows: Array) -> Array:
        """The dropout multipliers; 1 without dropout."""
        dropout = self.spec.dropout
        if isinstance(dropout, Dropout) and len(rows):
            shape = (*self.batch, self.H, self.L, self.S)
            tiles = [dropout.tile(slice(r, r + 1), ALL, shape) for r in rows.tolist()]
            return self.grouped(np.concatenate(tiles, axis=-2), 2)
        array = self.array("dropout")
        return np.ones((1, 1, 1, 1)) if array is None else self.at_rows(rows, array, axis=-2)

    def recomputed(self, rows: Array) -> Rows:
        """The rows forward and backward, recomputed from the arguments alone."""
        scores, masked = self.scores_at(rows)
        top = masked.max(axis=-1, keepdims=True, initial=-np.inf)
        if self.sinks is not None:
            top = np.maximum(top, self.sinks[..., None, None])
        shift = np.where(np.isfinite(top), top, 0.0)
        powers = np.exp(masked - shift)
        total = powers.sum(axis=-1, keepdims=True)
        if self.sinks is not None:
            total = total + np.exp(self.sinks[..., None, None] - shift)
        weights = powers / np.where(total == 0, 1.0, total)
        multipliers = self.multipliers_at(rows)
        d = multipliers * (self.at_rows(rows, self.d_out, axis=-2) @ transposed(self.value))
        d_weights = self.array("d_weights")
        if d_weights is not None:
            d = d + self.at_rows(rows, d_weights, axis=-2)
        d = np.where(weights == 0, 0.0, d)
        slope = np.ones((1, 1, 1, 1))
        if self.spec.softcap is not None:
            slope = 1 / np.cosh(np.minimum(np.abs(scores / self.spec.softcap), 300.0)) ** 2
        return Rows(rows, slope, weights, multipliers, d, (weights * d).sum(axis=-1, keepdims=True))

    @cached_property
    def sinks(self) -> Array | None:
        """(..., G, n); None without sinks, or if all of them are -inf."""
        sinks = self.array("sinks")
        return None if sinks is None or np.isneginf(sinks).all() else sinks

    @cached_property
    def finite_scale(self) -> Array:
        """The scale, 0 where it is not finite, which only hidden pairs may be."""
        return np.where(np.isfinite(self.scale), self.scale, 0.0)
