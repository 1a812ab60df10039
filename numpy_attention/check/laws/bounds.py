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
from typing import Any

import numpy as np

from ...functional.attention.biases import Alibi, Bias
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array
from ...functional.base.arrays import norms
from ..rounding.error_analysis import FLOAT16, FLOAT32, FLOAT64, Arithmetic, Precision
from ..rounding.formats import as_precision
from .arguments import CallArrays, CallSpec
from .sums import quadrature_sum


class Bounds:
    """Bounds for one call, each computed once, on first use.

    `arithmetic` has the precision under test, `storage` is that of intermediates stored between two products,
    and g(n) is the error bound of a sum of n products, relative to the sum of their sizes.
    """

    def __init__(self, call: CallArrays, spec: CallSpec) -> None:
        self.call, self.largest_score = call, float(spec.largest_score or 0)
        of_inputs = np.result_type(*call.inputs.arguments, np.float32)
        self.arithmetic = Arithmetic(_precision("precision", spec.precision) or _of_dtype(of_inputs))
        self.g = self.arithmetic.g
        self.given_storage = _precision("storage", spec.storage)
        self.storage = self.given_storage or self.precision_of("out" if "out" in call.arrays else "query")

    def precision_of(self, name: str) -> Precision:
        """Storage precision of an array: its dtype's, or `spec.storage` if that is lower."""
        own = _of_dtype(self.call.arrays[name].dtype)
        return max(own, self.given_storage or own)

    def rounding(self, name: str) -> Array:
        """Error bound of storing an array, entry by entry; 0 if it is missing."""
        x = self.call.array(name)
        if x is None:
            return np.zeros(())
        u, tiny = self.precision_of(name)
        return u * np.abs(x) + tiny

    @cached_property
    def g_longest(self) -> float:
        """g of a gradient's longest sums: over the rows that read a key, plus over the keys of a row."""
        call, batch = self.call, math.prod(self.call.batch)
        own = (math.prod(x.shape[:-3]) for x in (call.inputs.query, call.inputs.key))
        of_query, of_key = (max(1, batch // max(1, n)) for n in own)
        return self.g(call.S * of_query) + self.g(call.n * call.L * of_key)

    @cached_property
    def reach(self) -> Array:
        """max_s |scale_ls|, (..., G, n, L)."""
        return np.asarray(np.abs(self.call.finite_scale).max(axis=-1, initial=0.0))

    @cached_property
    def key_norm(self) -> Array:
        """κ, (..., G, 1, 1)."""
        return self._largest_norm(self.call.key)

    @cached_property
    def value_norm(self) -> Array:
        """ν, (..., G, 1, 1)."""
        return self._largest_norm(self.call.value)

    def _largest_norm(self, x: Array) -> Array:
        unmasked = np.where(self.call.unmasked_keys, norms(x), 0.0)
        return np.asarray(unmasked.max(axis=-1, keepdims=True, initial=0.0))

    @cached_property
    def largest_values(self) -> Array:
        """max_s |value_se| over unmasked keys, (..., G, 1, 1, E)."""
        sizes = np.where(self.call.unmasked_keys[..., None], np.abs(self.call.value), 0.0)
        return np.asarray(sizes.max(axis=-2, keepdims=True, initial=0.0))

    @cached_property
    def score_size(self) -> Array:
        """Upper bound on the |scores| of each row, (..., G, n, L)."""
        if self.call.score != "dot":
            return np.full((1, 1, self.call.L), self.largest_score)
        return np.asarray(self.reach * norms(self.call.query) * self.key_norm)

    @cached_property
    def bias_size(self) -> float:
        """Largest finite |bias| plus largest finite |sink|."""
        call, given = self.call, self.call.inputs.bias
        bias, sinks = call.array("bias"), call.array("sinks")
        if isinstance(given, Alibi):
            edges = [given.tile(row, slice(None), call.L, call.S) for row in (slice(1), slice(-1, None))]
            bias = np.concatenate(edges, axis=-2)
        elif isinstance(given, Bias):
            bias = given.parameter
        return sum(largest(x) for x in (bias, sinks) if x is not None)

    @cached_property
    def span(self) -> float:
        """Upper bound on the difference of two scores of one row, bias excluded."""
        call, activation = self.call, math.inf
        if call.score == "concat":
            activation = {"sigmoid": 1.0, "tanh": 2.0}.get(call.activation or "", math.inf)
        return min(activation, math.inf if call.inputs.softcap is None else 2.0 * call.inputs.softcap)

    def score_error(self, size: Array) -> Array:
        """Error bound of scores of at most that size."""
        u = self.arithmetic.u
        return np.asarray((self.g(self.call.D) + 4 * u) * size + 4 * u * self.bias_size)

    def weight_error_at(self, score_error: Array) -> Array:
        """Relative error bound of a weight whose score errs by `score_error`."""
        S, u, (u_s, tiny) = self.call.S, self.arithmetic.u, self.storage
        rounding = self.g(S) + 4 * u * math.log(S + 2) + u_s + S * tiny
        return np.minimum(1.0, 2 * score_error + rounding)

    @cached_property
    def weight_error(self) -> Array:
        """Relative error bound of each row's weights, (..., G, n, L)."""
        return self.weight_error_at(self.score_error(self.score_size))

    @cached_property
    def largest_multiplier(self) -> float:
        """Largest dropout multiplier; 1 without dropout."""
        dropout = self.call.inputs.dropout
        if isinstance(dropout, Dropout):
            return 1 / (1 - dropout.rate)
        return 1.0 if dropout is None else float(np.abs(self.call.arrays["dropout"]).max(initial=0))

    @cached_property
    def d_thinned_size(self) -> Array:
        """Upper bound on the part of |d_weights_ls| that comes from d_out, (..., G, n, L)."""
        return np.asarray(self.largest_multiplier * norms(self.call.d_out) * self.value_norm)

    @cached_property
    def d_size(self) -> Array:
        """Upper bound on Σ_s |d_scores_ls|, (..., G, n, L)."""
        size, d_weights = self.d_thinned_size + np.abs(self.call.d_lse), self.call.array("d_weights")
        if d_weights is not None and self.call.S:
            size = size + np.where(np.isfinite(d_weights), np.abs(d_weights), 0.0).max(axis=-1)
        return np.where(self.call.alive, size, 0.0)

    @cached_property
    def d_error(self) -> Array:
        """Error bound of all d_scores of a row together, (..., G, n, L)."""
        relative = 2 * self.weight_error + 2 * self.g(self.call.E) + 3 * self.storage.u
        cap = self.call.inputs.softcap
        if cap is not None:
            steepness = 2 * self.score_error(self.score_size) / cap
            relative = relative + np.minimum(1.0, steepness + 4 * self.arithmetic.u)
        return self.d_size * relative + self.d_tiny

    @cached_property
    def d_tiny(self) -> Array:
        """Contribution of subnormal numbers to `d_error`."""
        return np.asarray(self.storage.tiny * (self.call.S + self.call.E * norms(self.call.d_out)))

    # ------------------------------------------------------------------- errors of sums over rows

    def error_at(self, ratio: float) -> Array:
        """Error bound of a row's d_scores, (..., G, n, L), at a measured ratio to d_size."""
        return np.minimum(self.d_error, ratio * self.d_size + self.d_tiny)

    def mass_at(self, ratio: float) -> Array:
        """Bound on Σ_s |d_scores_ls|, (..., G, n, L), at a measured ratio to d_size."""
        return min(1.0, ratio) * self.d_size

    def common_rounding(self, total: Array) -> Array:
        """Error of a sum whose weights all err by one factor, because equal weights round alike."""
        return self.storage.u * np.abs(total)

    def dot_rounding(self, name: str, x: Array, shape: tuple[int, ...]) -> Array:
        """Error of Σ array · x, summed to `shape`, from storing the array `name`."""
        return quadrature_sum(self.rounding(name) * np.abs(x), (*shape, 1))[..., 0]


def _precision(name: str, x: Any) -> Precision | None:
    return None if x is None else as_precision(name, x)


def _of_dtype(dtype: np.dtype[Any]) -> Precision:
    return {"float16": FLOAT16, "float32": FLOAT32}.get(dtype.name, FLOAT64)


def largest(x: Array) -> float:
    """Largest finite |x|."""
    return float(np.where(np.isfinite(x), np.abs(x), 0.0).max(initial=0.0))
