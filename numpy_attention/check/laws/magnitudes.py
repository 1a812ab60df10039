"""How large the numbers of one call are, and how far off they may be, at linear cost.

With u the roundoff of arithmetic, u_s that of storage, g(n) = u min(n, 4 sqrt(n + 4)), and for each row l

    reach_l    = max_s |scale_ls|                        κ = max_s |key_s|,  ν = max_s |value_s|, of keys seen
    size_l     = reach_l |query_l| κ                     no |score| is larger
    off_l      = (g(D) + 4u) size_l + 4u (|bias| + |sinks|)            how far off a score may be
    weight_l   = min(1, 2 off_l + g(S) + 4u log S + u_s)               a weight, relative to itself
    d_size_l   = max |d_weights| + |d_lse_l|,  |d_weights_ls| <= multipliers |d_out_l| ν + |given d_weights|
    d_off_l    = d_size_l (2 weight_l + 2 g(E) + 3 u_s)

Σ_s |d_scores_ls| is at most d_size_l: a mean distance from the mean, no more than the largest of what is
averaged. All keys of a row together are off by d_off_l at most, with one sign in the worst case. Rows are
off independently of each other, which `gathered` makes use of; `measured.py` makes closer bounds of these.
"""

import math
from functools import cached_property

import numpy as np

from ...functional.attention.biases import Alibi, Bias
from ...functional.base.admission import Array
from ..rounding.error_analysis import FLOAT16, FLOAT32, FLOAT64, Arithmetic, Precision
from .law import gathered, summed
from .measured_errors import Measured, measured
from .row_samples import Sampled

OF_DTYPE = {"float16": FLOAT16, "float32": FLOAT32, "float64": FLOAT64}


class Sizes(Sampled):
    """Bounds for one call; each is computed when it is asked for, once."""

    @cached_property
    def alive(self) -> Array:
        """Rows that have any weight to give, be it to the sink."""
        return self.sees if self.sinks is None else self.sees | ~np.isneginf(self.sinks[..., None])

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """The operations of the precision that is judged."""
        of_inputs = np.result_type(*(self.arrays[name] for name in ("query", "key", "value")), np.float32)
        return Arithmetic(self.spec.precision or OF_DTYPE.get(of_inputs.name, FLOAT64))

    @cached_property
    def kept(self) -> Precision:
        """The precision of what is kept between two products."""
        return self.spec.storage or self.precision_of("out" if "out" in self.arrays else "query")

    def precision_of(self, name: str) -> Precision:
        """That in which an array is stored: its dtype's, or what `storage` says if that is less."""
        own = OF_DTYPE.get(self.arrays[name].dtype.name, FLOAT64)
        return max(own, self.spec.storage or own)

    def rounding(self, name: str) -> Array:
        """What storing an array may have cost it, entry by entry."""
        x, precision = self.array(name), self.precision_of(name)
        return np.zeros(()) if x is None else precision.u * np.abs(x) + precision.tiny

    def g(self, n: int) -> float:
        """What a sum of n products may lose, relative to the sum of their sizes."""
        return self.arithmetic.g(n)

    @cached_property
    def many(self) -> float:
        """g for the longest sums of a gradient: over the rows that read a key, or the keys of a row."""
        repeats = [
            math.prod(self.batch) // max(1, math.prod(self.arrays[x].shape[:-3])) for x in ("query", "key")
        ]
        return self.g(self.S * max(1, repeats[0])) + self.g(self.n * self.L * max(1, repeats[1]))

    @cached_property
    def reach(self) -> Array:
        """max_s |scale_ls|, (..., G, n, L)."""
        return np.asarray(np.abs(self.finite_scale).max(axis=-1, initial=0.0))

    @cached_property
    def key_size(self) -> Array:
        """κ, (..., G, 1, 1)."""
        return _highest(np.where(self.seen, length(self.key), 0.0))

    @cached_property
    def value_size(self) -> Array:
        """ν, (..., G, 1, 1)."""
        return _highest(np.where(self.seen, length(self.value), 0.0))

    @cached_property
    def largest_values(self) -> Array:
        """max_s |value_se| of the keys that are seen, (..., G, 1, 1, E)."""
        sizes = np.where(self.seen[..., None], np.abs(self.value), 0.0)
        return np.asarray(sizes.max(axis=-2, keepdims=True, initial=0.0))

    @cached_property
    def size(self) -> Array:
        """No score of a row is larger, (..., G, n, L)."""
        if self.spec.score != "dot":
            return np.full((1, 1, self.L), float(self.spec.largest_score or 0))
        return np.asarray(self.reach * length(self.query) * self.key_size)

    @cached_property
    def bias_size(self) -> float:
        """The largest finite |bias|, plus the largest finite |sink|."""
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
        """How far off a score of that size may be."""
        u = self.arithmetic.u
        return np.asarray((self.g(self.D) + 4 * u) * size + 4 * u * self.bias_size)

    def weight_error_at(self, score_error: Array) -> Array:
        """How far off a weight may be, relative to itself, if its score is off so far."""
        u, (u_s, tiny) = self.arithmetic.u, self.kept
        lost = self.g(self.S) + 4 * u * math.log(self.S + 2) + u_s + self.S * tiny
        return np.minimum(1.0, 2 * score_error + lost)

    @cached_property
    def weight_error(self) -> Array:
        """Relative, (..., G, n, L)."""
        return self.weight_error_at(self.score_error(self.size))

    @cached_property
    def d_thinned_size(self) -> Array:
        """No |d_weights_ls| that comes from d_out is larger, (..., G, n, L)."""
        return np.asarray(self.multipliers_at_most * length(self.d_out) * self.value_size)

    @cached_property
    def d_size(self) -> Array:
        """Σ_s |d_scores_ls| is at most this, (..., G, n, L)."""
        size, d_weights = self.d_thinned_size + np.abs(self.d_lse), self.array("d_weights")
        if d_weights is not None and self.S:
            size = size + np.where(np.isfinite(d_weights), np.abs(d_weights), 0.0).max(axis=-1)
        return np.where(self.alive, size, 0.0)

    @cached_property
    def d_off(self) -> Array:
        """So much may all d_scores of a row be off together, (..., G, n, L)."""
        off = 2 * self.weight_error + 2 * self.g(self.E) + 3 * self.kept.u
        if self.spec.softcap is not None:
            steepness = 2 * self.score_error(self.size) / self.spec.softcap
            off = off + np.minimum(1.0, steepness + 4 * self.arithmetic.u)
        return self.d_size * off + self.d_tiny

    @cached_property
    def d_tiny(self) -> Array:
        """What subnormal numbers may add to that."""
        return np.asarray(self.kept.tiny * (self.S + self.E * length(self.d_out)))

    # -------------------------------------------------------------------------- of what sums over rows

    @cached_property
    def measured(self) -> Measured:
        """What some rows came to, in proportion to these bounds."""
        return measured(self)

    def off(self, share: float) -> Array:
        """How far off the d_scores of a row are, (..., G, n, L), if it is that share of d_size."""
        return np.minimum(self.d_off, share * self.d_size + self.d_tiny)

    def mass(self, share: float) -> Array:
        """Σ_s |d_scores_ls|, (..., G, n, L), if it is that share of d_size."""
        return min(1.0, share) * self.d_size

    @cached_property
    def weights_off(self) -> Array:
        """How far off Σ_s weights_ls value_s is, relative to the largest value, (..., G, n, L)."""
        return np.asarray(np.minimum(self.weight_error, self.measured.weights))

    @cached_property
    def means_off(self) -> Array:
        """How far off Σ_s thinned_ls d_out_l · value_s is, (..., G, n, L)."""
        size = np.where(self.sees, self.d_thinned_size, 0.0)
        return np.asarray(np.minimum(2 * self.weight_error * size, self.measured.means * self.d_size))

    def alike(self, total: Array) -> Array:
        """What a sum may be off by if all weights are off by one factor: equal ones are rounded alike."""
        return self.kept.u * np.abs(total)

    def twice_computed(self, shape: tuple[int, ...], terms: int = 0) -> Array:
        """How far Σ_ls d_scores_ls scores_ls, summed to `shape`, may differ between two ways to it.

        Sums of so many `terms` come on top of those over a row and over a key.
        """
        m = Measured() if shape[-1] > 1 else self.measured
        once = self.full_rows(self.off(m.d_lengths) * self.size)
        mass = self.full_rows(self.mass(m.of_d_lengths) * self.size)
        return gathered(2 * once, shape) + (self.many + self.g(self.D) + self.g(terms)) * summed(mass, shape)


def dot(x: Array, y: Array) -> Array:
    """Σ x y along the last axis."""
    return np.asarray(np.einsum("...i,...i->...", x, y))


def _highest(x: Array) -> Array:
    return np.asarray(x.max(axis=-1, keepdims=True, initial=0.0))


def length(x: Array) -> Array:
    """The Euclidean length of each vector."""
    return np.asarray(np.sqrt(dot(x, x)))


def largest(x: Array) -> float:
    """The largest finite size."""
    return float(np.where(np.isfinite(x), np.abs(x), 0.0).max(initial=0.0))
