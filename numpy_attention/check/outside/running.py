"""Arrays that carry a bound on their rounding error through a formula, and through its derivative.

A formula written with these arrays is the textbook form, as a framework would compute and differentiate it:
every operation adds its own rounding, and the chain rule carries the bounds back. A right candidate may use a
better form; it may not be worse than this by more than the factor λ of `Arithmetic`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.layers.gelu import normal_cdf
from ..rounding.error_analysis import Arithmetic, Bounded

ERF_ERROR = 20
"""Units of erf's error: PyTorch's gelu takes one of 20 units in the last place (`erf_u20`, since 2.6) on
processors with AVX-512; measured there in float32: 10.8."""
Back = Callable[[Bounded], Bounded]
"""From the derivative by a result to that by one of its sources."""


class Running:
    """An array with its error bound, and how a derivative by it flows back to its sources."""

    __array_ufunc__ = None

    def __init__(
        self, of: Bounded, arithmetic: Arithmetic, sources: tuple[tuple[Running, Back], ...] = ()
    ) -> None:
        self.of, self.arithmetic, self.sources = of, arithmetic, sources

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.of.value.shape

    def constant(self, x: Any) -> Running:
        """Numbers without derivative, rounded to the working precision."""
        if isinstance(x, Running):
            return x
        value = np.asarray(x, dtype=float)
        whole = value == np.rint(value)
        return Running(
            Bounded(value, np.where(whole, 0.0, self.arithmetic.u * np.abs(value))), self.arithmetic
        )

    def _result(self, of: Bounded, *sources: tuple[Running, Back]) -> Running:
        return Running(of, self.arithmetic, sources)

    def _function(self, value: Array, error: Array, slope: Callable[[], Bounded]) -> Running:
        """f(self), elementwise: its value, the error of its computation, and f'."""
        a = self.arithmetic
        return self._result(Bounded(value, error + a.tiny), (self, lambda d: a.times(d, slope())))

    # ------------------------------------------------------------------------------ arithmetic

    def __add__(self, other: Any) -> Running:
        a, x, y = self.arithmetic, self, self.constant(other)
        return self._result(
            a.plus(x.of, y.of),
            (x, lambda d: a.sum_to_shape(d, x.shape)),
            (y, lambda d: a.sum_to_shape(d, y.shape)),
        )

    def __mul__(self, other: Any) -> Running:
        a, x, y = self.arithmetic, self, self.constant(other)
        return self._result(
            a.times(x.of, y.of),
            (x, lambda d: a.sum_to_shape(a.times(d, y.of), x.shape)),
            (y, lambda d: a.sum_to_shape(a.times(d, x.of), y.shape)),
        )

    def __truediv__(self, other: Any) -> Running:
        a, x, y = self.arithmetic, self, self.constant(other)
        quotient = a.divided(x.of, y.of)
        return self._result(
            quotient,
            (x, lambda d: a.sum_to_shape(a.divided(d, y.of), x.shape)),
            (y, lambda d: a.sum_to_shape(negative(a.divided(a.times(d, quotient), y.of)), y.shape)),
        )

    def __matmul__(self, other: Running) -> Running:
        a, x, y = self.arithmetic, self, other
        return self._result(
            a.product(x.of, y.of, times=2),
            (x, lambda d: a.sum_to_shape(a.product(d, y.of.transposed()), x.shape)),
            (y, lambda d: a.sum_to_shape(a.product(x.of.transposed(), d), y.shape)),
        )

    def __neg__(self) -> Running:
        return self._result(negative(self.of), (self, negative))

    def __sub__(self, other: Any) -> Running:
        return self + -self.constant(other)

    def __rsub__(self, other: Any) -> Running:
        return self.constant(other) - self

    __radd__, __rmul__ = __add__, __mul__

    # --------------------------------------------------------------------- axes and parts

    def sum(self, axis: int = -1) -> Running:
        """Σ along an axis, which stays."""
        a, shape = self.arithmetic, self.shape
        return self._result(
            a.total(self.of, axis), (self, lambda d: each(d, lambda x: np.broadcast_to(x, shape)))
        )

    def sum_all(self) -> Running:
        """Σ of all entries, without axes."""
        a, shape = self.arithmetic, self.shape
        total = a.total(each(self.of, np.ravel))
        return self._result(
            each(total, lambda x: x.reshape(())),
            (self, lambda d: each(d, lambda x: np.broadcast_to(x, shape))),
        )

    def mean(self) -> Running:
        """Σ / n along the last axis, which stays."""
        return self.sum() / max(self.shape[-1], 1)

    def moved(self, source: int, target: int) -> Running:
        """One axis moved."""
        back = lambda d: each(d, lambda x: np.moveaxis(x, target, source))  # noqa: E731
        return self._result(each(self.of, lambda x: np.moveaxis(x, source, target)), (self, back))

    @property
    def transposed(self) -> Running:
        """The last two axes exchanged."""
        return self.moved(-1, -2)

    def __getitem__(self, index: Any) -> Running:
        """The entries at an index of any kind; entries read n times sum n derivatives."""
        a, shape = self.arithmetic, self.shape

        def back(d: Bounded) -> Bounded:
            value, error, size, times = (np.zeros(shape) for _ in range(4))
            for array, part in ((value, d.value), (error, d.error), (size, abs(d)), (times, 1.0)):
                np.add.at(array, index, part)
            most = int(times.max(initial=0))
            return Bounded(value, error + (a.g(most) * size if most > 1 else 0.0))

        return self._result(each(self.of, lambda x: np.asarray(x[index])), (self, back))

    def masked(self, visible: Array) -> Running:
        """-inf where not visible; the derivative is 0 there."""
        a, shape = self.arithmetic, self.shape
        of = self.of.where(visible, -np.inf)
        return self._result(of, (self, lambda d: a.sum_to_shape(d.where(visible), shape)))

    # ------------------------------------------------------------------------------ functions

    def exp(self) -> Running:
        """exp x: an error e multiplies it by exp(e)."""
        a, (x, e) = self.arithmetic, self.of
        value = np.exp(x)
        grown = np.expm1(np.minimum(e, 700))
        out = self._function(value, value * (grown + a.safety * a.u * (1 + grown)), lambda: out.of)
        return out

    def log(self) -> Running:
        """log x, infinitely uncertain where the error reaches x."""
        a, (x, e) = self.arithmetic, self.of
        value = np.log(x)
        error = -np.log1p(-np.minimum(e / x, 1.0)) + a.safety * a.u * np.abs(value)
        return self._function(value, error, lambda: a.divided(self.constant(1.0).of, self.of))

    def tanh(self) -> Running:
        """tanh x; its derivative as 1 - tanh²."""
        a = self.arithmetic
        of = a.tanh(self.of)
        return self._function(of.value, of.error, lambda: a.sech_squared(self.of, textbook=True))

    def sigmoid(self) -> Running:
        """1 / (1 + exp(-x)); its derivative as σ (1 - σ)."""
        a, (x, e) = self.arithmetic, self.of
        value = _sigmoid(x)
        error = value * (np.expm1(np.minimum(e, 700)) + (a.safety + 3) * a.u)
        out = self._function(
            value, np.minimum(error, 1.0), lambda: a.times(out.of, a.minus(self.constant(1.0).of, out.of))
        )
        return out

    def softplus(self, *, slope_by_difference: bool = False) -> Running:
        """log(1 + exp(x)), whose argument is rounded near 1; its derivative as σ(x), or as 1 - σ(-x)."""
        a, (x, e) = self.arithmetic, self.of
        value = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        error = e + a.safety * a.u * (value + _sigmoid(x))
        slope = (1 - (-self).sigmoid() if slope_by_difference else self.sigmoid()).of
        return self._function(value, error, lambda: slope)

    def erf(self) -> Running:
        """The error function, computed as 1 - erfc in places: an absolute error."""
        a, (x, e) = self.arithmetic, self.of
        value = 2 * normal_cdf(np.sqrt(2) * x) - 1
        steepest = 2 / math.sqrt(math.pi) * np.exp(-(np.maximum(np.abs(x) - e, 0) ** 2))
        bell = (-(self * self)).exp() * (2 / math.sqrt(math.pi))
        return self._function(value, e * steepest + max(a.safety, ERF_ERROR) * a.u, lambda: bell.of)

    def inverse_root(self, eps: float = 0.0) -> Running:
        """1 / √(x + eps) of a sum of squares x, which no rounding makes negative."""
        a, (x, e) = self.arithmetic, self.of
        value = 1 / np.sqrt(x + eps)
        highest, lowest = 1 / np.sqrt(np.maximum(x - e, 0) + eps), 1 / np.sqrt(x + e + eps)
        error = np.maximum(highest - value, value - lowest) + (a.safety + 2) * a.u * highest
        out = self._function(
            value, error,
            lambda: a.times(self.constant(-0.5).of, a.times(out.of, a.times(out.of, out.of))),
        )  # fmt: skip
        return out

    def root(self) -> Running:
        """√x of a sum of squares, without derivative."""
        a, (x, e) = self.arithmetic, self.of
        value = np.sqrt(x)
        error = np.maximum(np.sqrt(x + e) - value, value - np.sqrt(np.maximum(x - e, 0)))
        return self._result(Bounded(value, error + a.safety * a.u * value))

    def bent(self, slope: float) -> Running:
        """x where x > 0, else slope * x; at the kink any derivative is allowed."""
        a, (x, e) = self.arithmetic, self.of
        value = np.where(x > 0, x, slope * x)
        slopes = np.where(x > 0, 1.0, slope)
        kink = np.where(np.abs(x) <= e, np.inf, a.u * np.abs(slopes))
        return self._function(value, e + a.u * np.abs(value), lambda: Bounded(slopes, kink))

    def floored(self, floor: float) -> Running:
        """max(x, floor), entry by entry; below the floor the derivative is 0."""
        x = self.of.value
        value, above = np.maximum(x, floor), np.where(x >= floor, 1.0, 0.0)
        return self._function(value, self.of.error * above, lambda: Bounded(above, 0 * above))

    def softmax(self) -> Running:
        """Softmax of the last axis; its derivative as weights (d - Σ weights d)."""
        a = self.arithmetic
        weights, _ = a.softmax(self.of)
        zero = Bounded(np.zeros(()), np.zeros(()))
        return self._result(weights, (self, lambda d: a.softmax_backward(d, weights, zero, pinned=False)))

    def logsumexp(self) -> Running:
        """log Σ exp(x) of the last axis, which stays; its derivative as exp(x - lse)."""
        a = self.arithmetic
        _, lse = a.softmax(self.of)
        bare = self._result(lse)
        weights = (Running(self.of, a) - bare).exp()
        return self._result(lse, (self, lambda d: a.times(d, weights.of)))


def gradients(outs: Sequence[Running], cotangents: Sequence[Any], leaves: list[Running]) -> list[Bounded]:
    """The derivatives by the leaves, with their bounds: the chain rule in the same arithmetic."""
    ordered: list[Running] = []
    seen: set[int] = set()

    def visit(node: Running) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            for source, _ in node.sources:
                visit(source)
            ordered.append(node)

    of = {}
    for out, d in zip(outs, cotangents, strict=True):
        visit(out)
        of[id(out)] = Bounded(np.asarray(d, dtype=float), np.zeros(np.shape(d)))
    for node in reversed(ordered):
        for source, back in node.sources:
            d = back(of[id(node)])
            before = of.get(id(source))
            of[id(source)] = d if before is None else node.arithmetic.plus(before, d)
    zeros = [Bounded(np.zeros(leaf.shape), np.zeros(leaf.shape)) for leaf in leaves]
    return [of.get(id(leaf), zero) for leaf, zero in zip(leaves, zeros, strict=True)]


def stacked(rows: list[Running]) -> Running:
    """Rows on a new first axis, without derivative."""
    value, error = (np.array([row.of[n] for row in rows]) for n in (0, 1))
    return Running(Bounded(value, error), rows[0].arithmetic)


def beside(x: Running, y: Running) -> Running:
    """[x, y] along the last axis; the other axes of y broadcast to those of x."""
    a, n, shape = x.arithmetic, x.shape[-1], (*x.shape[:-1], y.shape[-1])
    parts = zip(x.of, each(y.of, lambda part: np.broadcast_to(part, shape)), strict=True)
    return Running(
        Bounded(*(np.concatenate(pair, axis=-1) for pair in parts)), a,
        (
            (x, lambda d: each(d, lambda part: part[..., :n])),
            (y, lambda d: a.sum_to_shape(each(d, lambda part: part[..., n:]), y.shape)),
        ),
    )  # fmt: skip


def each(x: Bounded, function: Callable[[Array], Array]) -> Bounded:
    """A rearrangement of value and error alike."""
    return Bounded(function(x.value), function(x.error))


def negative(x: Bounded) -> Bounded:
    """-x, without rounding."""
    return Bounded(-x.value, x.error)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x > 0, 1.0, small) / (1 + small))
