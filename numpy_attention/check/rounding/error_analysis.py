"""Forward error analysis: values with error bounds, and the operations of a given precision on them.

Every float operation returns x (1 + δ) with |δ| <= u, or errs by half the spacing of subnormal numbers. A
`Bounded` is a value with such an error bound; a function of it inherits the error times its derivative, and
adds its own rounding:

    x + y       e_x + e_y                      + u |x + y|
    x y         e_x |y| + |x| e_y + e_x e_y    + u |x y|
    Σ x y       Σ of the same                  + g(n) Σ |x y|,    g(n) = u min(n, λ sqrt(n + 4))
    f(x)        |f'| e_x                       + λ u |f|

n u bounds a sum for certain; as errors of both signs cancel, they grow like sqrt(n) only (Higham, Mary 2019,
theorem 2.4; Ipsen, Zhou 2020). NumPy's functions are accurate to λ u, 2 units in the last place. λ = 4.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array


class Precision(NamedTuple):
    """Precision of arithmetic or storage: unit roundoff u, half the distance from 1 to the next number, and
    `tiny`, the spacing of subnormal numbers, which is the distance from 0 to the next."""

    u: float
    tiny: float


FLOAT64 = Precision(2.0**-53, 2.0**-1074)
FLOAT32 = Precision(2.0**-24, 2.0**-149)
FLOAT16 = Precision(2.0**-11, 2.0**-24)
BFLOAT16 = Precision(2.0**-8, 2.0**-133)
TF32 = Precision(2.0**-11, 2.0**-136)


class Bounded(NamedTuple):
    """A value and a bound on the error of computing it, entry by entry."""

    value: Array
    error: Array

    def __abs__(self) -> Array:
        return np.abs(self.value)

    @property
    def largest(self) -> Array:
        """Upper bound on the computed magnitude."""
        return np.abs(self.value) + self.error

    def where(self, condition: Array, other: float = 0.0) -> "Bounded":
        """Entries where `condition` is false replaced by `other`, without error."""
        return Bounded(np.where(condition, self.value, other), np.where(condition, self.error, 0.0))

    def at(self, index: Any) -> "Bounded":
        """The entries at `index` of the last axis."""
        return Bounded(self.value[..., index], self.error[..., index])

    def transposed(self) -> "Bounded":
        """Swap the last two axes."""
        return Bounded(np.swapaxes(self.value, -1, -2), np.swapaxes(self.error, -1, -2))


def error_free(x: Any) -> Bounded:
    """An input, without error. Non-finite entries, which only masked positions may hold, become 0."""
    value = np.asarray(x, dtype=float)
    value = np.where(np.isfinite(value), value, 0.0)
    return Bounded(value, np.zeros(value.shape))


def stored_error(x: Bounded, storage: Precision, arithmetic: Precision) -> Array:
    """Error bound of `x` after rounding to its storage format: adds (u_s + 2u) |x| and the format's tiny."""
    finite = np.where(np.isfinite(x.value), x.largest, 0.0)
    return np.asarray(x.error + (storage.u + 2 * arithmetic.u) * finite + storage.tiny)


class Arithmetic:
    """The operations of one precision; `safety` is λ.

    sums : precision in which sums accumulate, if it differs; the result is then rounded once more.
    operands : precision to which both factors of a matrix product are rounded first, as in TF32.
    """

    def __init__(
        self, precision: Precision, safety: float = 4.0, *,
        sums: Precision | None = None, operands: Precision | None = None,
    ) -> None:  # fmt: skip
        self.precision = precision
        self.u, self.tiny = precision
        self.safety = safety
        self.sums, self.operands = sums, operands

    def g(self, n: int) -> float:
        """Error bound of a sum of n products, relative to the sum of their magnitudes."""
        growth = min(n, self.safety * math.sqrt(n + 4))
        return self.u * growth if self.sums is None else self.sums.u * growth + self.u

    def rounded(self, value: Array, error: Array) -> Bounded:
        """Result of an operation: its own rounding on top of the inherited error."""
        return Bounded(value, error + self.u * np.abs(value) + self.tiny)

    def plus(self, x: Bounded, y: Bounded) -> Bounded:
        """x + y."""
        return self.rounded(x.value + y.value, x.error + y.error)

    def minus(self, x: Bounded, y: Bounded) -> Bounded:
        """x - y."""
        return self.rounded(x.value - y.value, x.error + y.error)

    def times(self, x: Bounded, y: Bounded) -> Bounded:
        """x y, entry by entry."""
        return self.rounded(x.value * y.value, x.error * abs(y) + x.largest * y.error)

    def divided(self, x: Bounded, y: Bounded) -> Bounded:
        """x / y, for y away from 0."""
        value = x.value / y.value
        error = (x.error + np.abs(value) * y.error) / np.maximum(abs(y) - y.error, 0)
        return self.rounded(value, error)

    def total(self, x: Bounded, axis: int = -1) -> Bounded:
        """Σ x along an axis, which stays."""
        error = np.sum(x.error, axis=axis, keepdims=True) + self.g(x.value.shape[axis]) * np.sum(
            abs(x), axis=axis, keepdims=True
        )
        return Bounded(np.sum(x.value, axis=axis, keepdims=True), error)

    def product(self, x: Bounded, y: Bounded, times: int = 1) -> Bounded:
        """x (..., M, K) @ y (..., K, N), with room for later summing `times` such products."""
        terms = x.value.shape[-1]
        relative = self.g(terms * times)
        if self.operands is not None:
            relative += self.operands.u * (2 + self.operands.u)
        error = x.error @ abs(y) + x.largest @ y.error + relative * (abs(x) @ abs(y))
        return Bounded(x.value @ y.value, error + terms * self.tiny)

    def sum_to_shape(self, x: Bounded, shape: tuple[int, ...], *, rounds: bool = True) -> Bounded:
        """Sum over the axes along which an array of `shape` was broadcast to x's shape."""

        def summed(a: Array) -> Array:
            a = a.sum(axis=tuple(range(a.ndim - len(shape))))
            axes = tuple(n for n, length in enumerate(shape) if length == 1)
            return np.asarray(a.sum(axis=axes, keepdims=True).reshape(shape))

        terms = x.value.size // max(1, math.prod(shape))
        rounding = self.g(terms) * summed(abs(x)) if rounds and terms > 1 else 0.0
        return Bounded(summed(x.value), summed(x.error) + rounding)

    # -------------------------------------------------------------------------------- functions

    def tanh(self, x: Bounded) -> Bounded:
        """tanh x; the error is scaled by the steepest slope within the bound, at the smallest |x|."""
        value = np.tanh(x.value)
        error = x.error * _sech(np.maximum(abs(x) - x.error, 0)) ** 2 + self.safety * self.u * np.abs(value)
        return Bounded(value, error + self.tiny)

    def sech_squared(self, x: Bounded, *, textbook: bool = False) -> Bounded:
        """4 s² / (1 + s²)², s = exp(-|x|): twice λ u of s, and nine roundings at most; or 1 - tanh²."""
        value = _sech(x.value) ** 2
        steepest = 2 * _sech(np.maximum(abs(x) - x.error, 0)) ** 2
        relative = (2 * self.safety + 9) * self.u
        error = steepest * np.minimum(x.error, 1) + relative * (1.0 if textbook else value)
        return Bounded(value, error + self.tiny)

    def softmax(self, x: Bounded) -> tuple[Bounded, Bounded]:
        """Softmax of the last axis, and log Σ exp(x) with that axis kept; entries of -inf are hidden.

        An error e of x moves each exponential by a factor of up to exp(e), their sum by up to
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
        return Bounded(weights, np.where(hidden, 0.0, e_weights)), Bounded(lse, np.where(empty, 0.0, e_lse))

    def softmax_backward(self, d: Bounded, weights: Bounded, d_lse: Bounded, *, pinned: bool) -> Bounded:
        """weights (d - Σ weights d + d_lse). If `pinned`, d at the largest weight is first subtracted from
        its row, which cancels the value and the error that the row has in common.

        Where either of two close weights may be computed as the largest, the bound holds for both.
        """
        if not weights.value.shape[-1]:
            return d
        top = np.take_along_axis(d.value, weights.value.argmax(axis=-1, keepdims=True), axis=-1)
        pinned_d, e_pinned, size = d.value - top, d.error, abs(d)
        if pinned:
            peaks = weights.largest >= (weights.value - weights.error).max(axis=-1, keepdims=True)
            highest = np.where(peaks, d.value, -np.inf).max(axis=-1, keepdims=True)
            lowest = np.where(peaks, d.value, np.inf).min(axis=-1, keepdims=True)
            only = peaks & (peaks.sum(axis=-1, keepdims=True) == 1)
            size = np.maximum(np.abs(d.value - highest), np.abs(d.value - lowest))
            e_pinned = d.error + np.where(peaks, d.error, 0.0).max(axis=-1, keepdims=True) + self.u * size
            e_pinned = np.where(only, 0.0, e_pinned)
        mean = (weights.value * pinned_d).sum(axis=-1, keepdims=True)
        mean_size = (weights.value * size).sum(axis=-1, keepdims=True)
        e_mean = (weights.error * size + weights.largest * e_pinned).sum(axis=-1, keepdims=True)
        e_mean = e_mean + self.g(d.value.shape[-1]) * mean_size + self.tiny
        inner = pinned_d - mean + d_lse.value
        e_inner = e_pinned + e_mean + self.u * (np.abs(pinned_d - mean) + np.abs(inner)) + self.tiny
        if not pinned:  # or computed as weights d - weights Σ
            e_inner = e_inner + 4 * self.u * (size + mean_size)
        return self.times(weights, Bounded(inner, e_inner))


def _sech(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(2 * small / (1 + small * small))
