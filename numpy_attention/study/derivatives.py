"""Gradients by the complex step, one entry at a time.

d_x = Im loss(x + i h e) / h,   h = 1e-100,   loss = Σ d_out * out,   e one entry of x
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..check.pairs.differentiation import ALLOWED, EPS, H
from ..functional.base.admission import Array

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, modulo 1, are spread evenly: the entries of a direction without symmetry."""


class Derivative(NamedTuple):
    """A gradient, the same gradient by the complex step, and the tolerance of each entry."""

    ours: Array
    exact: Array
    tolerance: Array

    @property
    def difference(self) -> float:
        """The largest difference."""
        return float(np.abs(self.ours - self.exact).max(initial=0))

    @property
    def ok(self) -> bool:
        """True where every entry is within its tolerance; NaN is not."""
        return bool((np.abs(self.ours - self.exact) <= self.tolerance).all())


def derivative(
    ours: Array,
    x: Array,
    function: Callable[[Array], Array],
    d_out: Array,
    magnitude: float,
    free: Array | None = None,
) -> Derivative:
    """`ours` beside the gradient of Σ d_out * function(x), entry by entry.

    Parameters
    ----------
    ours : the gradient to check, in the shape of x
    x : the point at which to differentiate
    function : the output for a complex x
    d_out : the cotangent, in the output's shape
    magnitude : size of the numbers whose rounding errors may reach the gradient
    free : True where x can vary; the gradient is 0 elsewhere. None: everywhere.

    Examples
    --------
    >>> squares = derivative(np.array([2.0, 5.0]), np.array([1.0, 2.0]), np.square, np.ones(2), magnitude=1)
    >>> squares.exact, squares.ok
    (array([2., 4.]), False)
    """
    exact, sizes = np.zeros(x.shape), np.zeros(x.shape)
    for index in map(tuple, np.argwhere(np.ones(x.shape) if free is None else free)):
        shifted = x.astype(complex)
        shifted[index] += 1j * H
        terms = d_out * (np.imag(function(shifted)) / H)
        exact[index], sizes[index] = terms.sum(), np.abs(terms).sum()
    tolerance = ALLOWED * np.abs(exact).max(initial=0) + 16 * EPS * (sizes + magnitude)
    return Derivative(ours, exact, tolerance)


def directional(
    ours: Array,
    x: Array,
    function: Callable[[Array], Array],
    d_out: Array,
    magnitude: float,
    free: Array | None = None,
) -> Derivative:
    """<ours, v> beside the derivative of Σ d_out * function(x) along one direction v: one complex step.

    Parameters are those of `derivative`. A gradient that is wrong anywhere is wrong along almost every v.

    Examples
    --------
    >>> squares = directional(np.array([2.0, 5.0]), np.array([1.0, 2.0]), np.square, np.ones(2), magnitude=1)
    >>> squares.ok
    False
    """
    v = (1 + np.arange(x.size) * GOLDEN % 1).reshape(x.shape)
    moved = v if free is None else np.where(free, v, 0)
    terms = d_out * (np.imag(function(x + 1j * H * moved)) / H)
    ours = ours * v
    sizes = ALLOWED * np.abs(ours).sum() + 16 * EPS * (np.abs(terms).sum() + magnitude * v.sum())
    return Derivative(ours.sum(), terms.sum(), sizes)
