"""Upper bounds on the numbers of one call and on their rounding errors, at linear cost.

With u the roundoff of arithmetic, u_s that of storage, g(n) = u min(n, 4 sqrt(n + 4)), and for each row l

    reach_l        = max_s |scale_ls|             κ = max_s |key_s|,  ν = max_s |value_s|, s unmasked
    score_size_l   = reach_l |query_l| κ                                    bounds each |score|
    score_error_l  = (g(D) + 4u) score_size_l + 4u (|bias| + |sinks|)
    weight_error_l = min(1, 2 score_error_l + g(S) + 4u log S + u_s)       relative to the weight
    d_size_l       = max |d_weights| + |d_lse_l|, |d_weights_ls| <= multipliers |d_out_l| ν + |spec.d_weights|
    d_error_l      = d_size_l (2 weight_error_l + 2 g(E) + 3 u_s)

Σ_s |d_scores_ls| is at most d_size_l: it is a mean distance from the mean, which never exceeds the largest
of the averaged numbers. All d_scores of a row together err by at most d_error_l, in the worst case with one
sign. Rows err independently, so their errors add in quadrature; `measured_errors.py` tightens the bounds.
"""

import math
from functools import cached_property

import numpy as np

from ...functional.attention.biases import Alibi, Bias
from ...functional.base.admission import Array
from ..rounding.error_analysis import FLOAT16, FLOAT32, FLOAT64, Arithmetic, Precision
from .row_samples import SampledRows

OF_DTYPE = {"float16": FLOAT16, "float32": FLOAT32, "float64": FLOAT64}


class Magnitudes(SampledRows):
    """Bounds for one call, each computed once, on first use."""

    @cached_property
    def alive(self) -> Array:
        """True where a row has a visible key or a sink above -inf."""
        if self.sinks is None:
            return self.unmasked_rows
        return self.unmasked_rows | ~np.isneginf(self.sinks[..., None])

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """Operations of the precision under test."""
        of_inputs = np.result_type(*(self.arrays[name] for name in ("query", "key", "value")), np.float32)
        return Arithmetic(self.spec.precision or OF_DTYPE.get(of_inputs.name, FLOAT64))

    @cached_property
    def storage(self) -> Precision:
        """Precision of intermediates stored between two products."""
        return self.spec.storage or self.precision_of("out" if "out" in self.arrays else "query")

    def precision_of(self, name: str) -> Precision:
        """Storage precision of an array: its dtype's, or `spec.storage` if that is lower."""
        own = OF_DTYPE.get(self.arrays[name].dtype.name, FLOAT64)
        return max(own, self.spec.storage or own)

    def rounding(self, name: str) -> Array:
        """Error bound of storing an array, entry by entry; 0 if it is missing."""
        x, precision = self.array(name), self.precision_of(name)
        return np.zeros(()) if x is None else precision.u * np.abs(x) + precision.tiny

    def g(self, n: int) -> float:
        """Error bound of a sum of n products, relative to the sum of their sizes."""
        return self.arithmetic.g(n)

    @cached_property
    def g_longest(self) -> float:
        """g of a gradient's longest sums: over the rows that read a key, plus over the keys of a row."""
        batch = math.prod(self.batch)
        repeats = [batch // max(1, math.prod(self.arrays[x].shape[:-3])) for x in ("query", "key")]
        return self.g(self.S * max(1, repeats[0])) + self.g(self.n * self.L * max(1, repeats[1]))

    @cached_property
    def reach(self) -> Array:
        """max_s |scale_ls|, (..., G, n, L)."""
        return np.asarray(np.abs(self.finite_scale).max(axis=-1, initial=0.0))

    @cached_property
    def key_length(self) -> Array:
        """κ, (..., G, 1, 1)."""
        return _row_max(np.where(self.unmasked_keys, length(self.key), 0.0))

    @cached_property
    def value_length(self) -> Array:
        """ν, (..., G, 1, 1)."""
        return _row_max(np.where(self.unmasked_keys, length(self.value), 0.0))

    @cached_property
    def largest_values(self) -> Array:
        """max_s |value_se| over unmasked keys, (..., G, 1, 1, E)."""
        sizes = np.where(self.unmasked_keys[..., None], np.abs(self.value), 0.0)
        return np.asarray(sizes.max(axis=-2, keepdims=True, initial=0.0))

    @cached_property
    def score_size(self) -> Array:
        """Upper bound on the |scores| of each row, (..., G, n, L)."""
        if self.spec.score != "dot":
            return np.full((1, 1, self.L), float(self.spec.largest_score or 0))
        return np.asarray(self.reach * length(self.query) * self.key_length)

    @cached_property
    def bias_size(self) -> float:
        """Largest finite |bias| plus largest finite |sink|."""
        bias, sinks = self.array("bias"), self.array("sinks")
        if isinstance(self.spec.bias, Alibi):
            edges = [
                self.spec.bias.tile(row, slice(None), self.L, self.S) for row in (slice(1), slice(-1, None))
            ]
            bias = np.concatenate(edges, axis=-2)
        elif isinstance(self.spec.bias, Bias):
            bias = self.spec.bias.parameter
        return sum(largest(x) for x in (bias, sinks) if x is not None)

    def score_error(self, size: Array) -> Array:
        """Error bound of scores of at most that size."""
        u = self.arithmetic.u
        return np.asarray((self.g(self.D) + 4 * u) * size + 4 * u * self.bias_size)

    def weight_error_at(self, score_error: Array) -> Array:
        """Relative error bound of a weight whose score errs by `score_error`."""
        u, (u_s, tiny) = self.arithmetic.u, self.storage
        rounding = self.g(self.S) + 4 * u * math.log(self.S + 2) + u_s + self.S * tiny
        return np.minimum(1.0, 2 * score_error + rounding)

    @cached_property
    def weight_error(self) -> Array:
        """Relative error bound of each row's weights, (..., G, n, L)."""
        return self.weight_error_at(self.score_error(self.score_size))

    @cached_property
    def d_thinned_size(self) -> Array:
        """Upper bound on the part of |d_weights_ls| that comes from d_out, (..., G, n, L)."""
        return np.asarray(self.largest_multiplier * length(self.d_out) * self.value_length)

    @cached_property
    def d_size(self) -> Array:
        """Upper bound on Σ_s |d_scores_ls|, (..., G, n, L)."""
        size, d_weights = self.d_thinned_size + np.abs(self.d_lse), self.array("d_weights")
        if d_weights is not None and self.S:
            size = size + np.where(np.isfinite(d_weights), np.abs(d_weights), 0.0).max(axis=-1)
        return np.where(self.alive, size, 0.0)

    @cached_property
    def d_error(self) -> Array:
        """Error bound of all d_scores of a row together, (..., G, n, L)."""
        relative = 2 * self.weight_error + 2 * self.g(self.E) + 3 * self.storage.u
        if self.spec.softcap is not None:
            steepness = 2 * self.score_error(self.score_size) / self.spec.softcap
            relative = relative + np.minimum(1.0, steepness + 4 * self.arithmetic.u)
        return self.d_size * relative + self.d_tiny

    @cached_property
    def d_tiny(self) -> Array:
        """Contribution of subnormal numbers to `d_error`."""
        return np.asarray(self.storage.tiny * (self.S + self.E * length(self.d_out)))


def dot(x: Array, y: Array) -> Array:
    """Σ x y along the last axis."""
    return np.asarray(np.einsum("...i,...i->...", x, y))


def _row_max(x: Array) -> Array:
    return np.asarray(x.max(axis=-1, keepdims=True, initial=0.0))


def length(x: Array) -> Array:
    """Euclidean length of each vector."""
    return np.asarray(np.sqrt(dot(x, x)))


def largest(x: Array) -> float:
    """Largest finite |x|."""
    return float(np.where(np.isfinite(x), np.abs(x), 0.0).max(initial=0.0))
