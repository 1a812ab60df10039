"""Numbers together with what computing them may have lost: rounding followed through, term by term.

Every operation on floats gives x (1 + δ) with |δ| <= u, or is off by half the spacing of the subnormal
numbers. A `Near` carries a value and such a bound on its error; what is computed from it inherits the error
in proportion to its own derivative, and adds its rounding:

    x + y       e_x + e_y                      + u |x + y|
    x y         e_x |y| + |x| e_y + e_x e_y    + u |x y|
    Σ x y       Σ of the same                  + g(n) Σ |x y|,    g(n) = u min(n, λ sqrt(n + 4))
    f(x)        |f'| e_x                       + λ u |f|

Of a sum n u is certain; as errors of either sign cancel, they grow like sqrt(n) only (Higham, Mary 2019,
theorem 2.4; Ipsen, Zhou 2020). Functions of NumPy are good to λ u, 2 units in the last place. λ = 4.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array


class Precision(NamedTuple):
    """Of arithmetic or of storage: u, half the distance from 1 to the next number, and from 0 to the next."""

    u: float
    tiny: float


FLOAT64 = Precision(2.0**-53, 2.0**-1074)
FLOAT32 = Precision(2.0**-24, 2.0**-149)
FLOAT16 = Precision(2.0**-11, 2.0**-24)
BFLOAT16 = Precision(2.0**-8, 2.0**-133)
TF32 = Precision(2.0**-11, 2.0**-136)


class Near(NamedTuple):
    """A value, and how far from it what was computed may lie, entry by entry."""

    value: Array
    error: Array

    def __abs__(self) -> Array:
        return np.abs(self.value)

    @property
    def largest(self) -> Array:
        """The largest size that what was computed may have."""
        return np.abs(self.value) + self.error

    def where(self, condition: Array, other: float = 0.0) -> "Near":
        """Elsewhere `other`, without error."""
        return Near(np.where(condition, self.value, other), np.where(condition, self.error, 0.0))

    def at(self, index: Any) -> "Near":
        """The part at `index` of the last axis."""
        return Near(self.value[..., index], self.error[..., index])

    def turned(self) -> "Near":
        """The last two axes exchanged."""
        return Near(np.swapaxes(self.value, -1, -2), np.swapaxes(self.error, -1, -2))


def exactly(x: Any) -> Near:
    """A number that was given: without error. What is not finite counts as 0, for it may only be hidden."""
    value = np.asarray(x, dtype=float)
    value = np.where(np.isfinite(value), value, 0.0)
    return Near(value, np.zeros(value.shape))


def stored(x: Near, storage: Precision, arithmetic: Precision) -> Array:
    """The bound once `x` is rounded to what it is stored in: u_s and 2 u of its size, and its tiny."""
    finite = np.where(np.isfinite(x.value), x.largest, 0.0)
    return np.asarray(x.error + (storage.u + 2 * arithmetic.u) * finite + storage.tiny)


class Arithmetic:
    """The operations of one precision; `safety` is λ.

    sums : the precision that sums are added up in, if it is another; their result is rounded once more.
    operands : what both factors of a matrix product are rounded to first, as TF32 products do.
    """

    def __init__(
        self,
        precision: Precision,
        safety: float = 4.0,
        *,
        sums: Precision | None = None,
        operands: Precision | None = None,
    ) -> None:
        self.precision = precision
        self.u, self.tiny = precision
        self.safety = safety
        self.sums, self.operands = sums, operands

    def g(self, n: int) -> float:
        """What a sum of n products may lose, relative to the sum of their sizes."""
        grows = min(n, self.safety * math.sqrt(n + 4))
        return self.u * grows if self.sums is None else self.sums.u * grows + self.u

    def rounded(self, value: Array, error: Array) -> Near:
        """The value of an operation, whose rounding comes on top of what it inherits."""
        return Near(value, error + self.u * np.abs(value) + self.tiny)

    def plus(self, x: Near, y: Near) -> Near:
        """x + y."""
        return self.rounded(x.value + y.value, x.error + y.error)

    def minus(self, x: Near, y: Near) -> Near:
        """x - y."""
        return self.rounded(x.value - y.value, x.error + y.error)

    def times(self, x: Near, y: Near) -> Near:
        """x y, entry by entry."""
        return self.rounded(x.value * y.value, x.error * abs(y) + x.largest * y.error)

    def divided(self, x: Near, y: Near) -> Near:
        """x / y, for y that stay away from 0."""
        value = x.value / y.value
        error = (x.error + np.abs(value) * y.error) / np.maximum(abs(y) - y.error, 0)
        return self.rounded(value, error)

    def total(self, x: Near, axis: int = -1) -> Near:
        """Σ x along an axis, which stays."""
        error = np.sum(x.error, axis=axis, keepdims=True) + self.g(x.value.shape[axis]) * np.sum(
            abs(x), axis=axis, keepdims=True
        )
        return Near(np.sum(x.value, axis=axis, keepdims=True), error)

    def product(self, x: Near, y: Near, times: int = 1) -> Near:
        """x (..., M, K) @ y (..., K, N); if `times` of them are summed later, that is allowed for here."""
        terms = x.value.shape[-1]
        lost = self.g(terms * times)
        if self.operands is not None:
            lost += self.operands.u * (2 + self.operands.u)
        error = x.error @ abs(y) + x.largest @ y.error + lost * (abs(x) @ abs(y))
        return Near(x.value @ y.value, error + terms * self.tiny)

    def summed_to(self, x: Near, shape: tuple[int, ...], *, rounds: bool = True) -> Near:
        """The sum over all axes along which an array of `shape` was repeated to make x's."""

        def summed(a: Array) -> Array:
            a = a.sum(axis=tuple(range(a.ndim - len(shape))))
            axes = tuple(n for n, length in enumerate(shape) if length == 1)
            return np.asarray(a.sum(axis=axes, keepdims=True).reshape(shape))

        terms = x.value.size // max(1, math.prod(shape))
        lost = self.g(terms) * summed(abs(x)) if rounds and terms > 1 else 0.0
        return Near(summed(x.value), summed(x.error) + lost)

    # -------------------------------------------------------------------------------- functions

    def tanh(self, x: Near) -> Near:
        """Its slope is largest where |x| may be smallest."""
        value = np.tanh(x.value)
        error = x.error * _sech(np.maximum(abs(x) - x.error, 0)) ** 2 + self.safety * self.u * np.abs(value)
        return Near(value, error + self.tiny)

    def sech_squared(self, x: Near, *, textbook: bool = False) -> Near:
        """4 s² / (1 + s²)², s = exp(-|x|): twice λ u of s, and nine roundings at most; or 1 - tanh²."""
        value = _sech(x.value) ** 2
        steepest = 2 * _sech(np.maximum(abs(x) - x.error, 0)) ** 2
        lost = (2 * self.safety + 9) * self.u
        error = steepest * np.minimum(x.error, 1) + lost * (1.0 if textbook else value)
        return Near(value, error + self.tiny)

    def softmax(self, x: Near) -> tuple[Near, Near]:
        """exp(x) / Σ exp(x) of the last axis, and log Σ exp(x), which stays as an axis; -inf takes no part.

        What x loses, e, moves each exponential by a factor of up to exp(e), their sum by up to
        exp(spread) = Σ weights exp(e), and the quotient by both: to first order
        weights (e + Σ weights e + g(n)), and never above 1.
        """
        top = x.value.max(axis=-1, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        shifted = x.value - top
        powers = np.exp(shifted)
        summed = powers.sum(axis=-1, keepdims=True)
        empty = summed == 0
        weights = powers / np.where(empty, 1.0, summed)
        lse = np.where(empty, -np.inf, top + np.log(summed))
        hidden = np.isneginf(x.value)
        e = np.where(hidden, 0.0, x.error + self.u * np.abs(shifted))
        spread = np.log1p((weights * np.expm1(np.minimum(e, 700))).sum(axis=-1, keepdims=True))
        rounding = self.g(x.value.shape[-1]) + self.safety * self.u
        grown = e + spread + rounding + self.u
        far = np.exp(np.minimum(np.where(hidden, -np.inf, shifted + top - lse) + grown, 0.0))
        e_weights = np.where(grown < 1, weights * np.expm1(np.minimum(grown, 1)), far) + self.tiny
        e_lse = spread + rounding + self.u * (self.safety * np.abs(lse - top) + np.abs(lse)) + self.tiny
        return Near(weights, np.where(hidden, 0.0, e_weights)), Near(lse, np.where(empty, 0.0, e_lse))

    def softmax_back(self, d: Near, weights: Near, d_lse: Near, *, pinned: bool) -> Near:
        """weights (d - Σ weights d + d_lse), whose rows may first be pinned: the entry at the largest weight
        taken off all, which leaves of the row's common part neither value nor error.

        Where two weights are so near that either may be taken for the largest, the bound holds for both.
        """
        if not weights.value.shape[-1]:
            return d
        top = np.take_along_axis(d.value, weights.value.argmax(axis=-1, keepdims=True), axis=-1)
        left, e_left, size = d.value - top, d.error, abs(d)
        if pinned:
            peaks = weights.largest >= (weights.value - weights.error).max(axis=-1, keepdims=True)
            highest = np.where(peaks, d.value, -np.inf).max(axis=-1, keepdims=True)
            lowest = np.where(peaks, d.value, np.inf).min(axis=-1, keepdims=True)
            only = peaks & (peaks.sum(axis=-1, keepdims=True) == 1)
            size = np.maximum(np.abs(d.value - highest), np.abs(d.value - lowest))
            e_left = d.error + np.where(peaks, d.error, 0.0).max(axis=-1, keepdims=True) + self.u * size
            e_left = np.where(only, 0.0, e_left)
        mean = (weights.value * left).sum(axis=-1, keepdims=True)
        a_mean = (weights.value * size).sum(axis=-1, keepdims=True)
        e_mean = (weights.error * size + weights.largest * e_left).sum(axis=-1, keepdims=True)
        e_mean = e_mean + self.g(d.value.shape[-1]) * a_mean + self.tiny
        inner = left - mean + d_lse.value
        e_inner = e_left + e_mean + self.u * (np.abs(left - mean) + np.abs(inner)) + self.tiny
        if not pinned:  # weights d - weights Σ will do as well
            e_inner = e_inner + 4 * self.u * (size + a_mean)
        return self.times(weights, Near(inner, e_inner))


def _sech(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(2 * small / (1 + small * small))
