"""Gradients by the complex step, one entry at a time.

d_x = Im loss(x + i h e) / h,   h = 1e-100,   loss = Σ d_out * out,   e one entry of x
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..check.pairs.differentiation import ALLOWED, EPS, H
from ..functional.base.admission import Array


class Derivative(NamedTuple):
    """A gradient, the same by the complex step, and by how much each entry may differ."""

    ours: Array
    exact: Array
    allowed: Array

    @property
    def difference(self) -> float:
        """The largest difference."""
        return float(np.abs(self.ours - self.exact).max(initial=0))

    @property
    def ok(self) -> bool:
        """Whether no entry differs by more than is allowed; NaN does."""
        return bool((np.abs(self.ours - self.exact) <= self.allowed).all())


def derivative(
    ours: Array,
    x: Array,
    out_of: Callable[[Array], Array],
    d_out: Array,
    reach: float,
    free: Array | None = None,
) -> Derivative:
    """`ours` beside the gradient of Σ d_out * out_of(x), entry by entry.

    Parameters
    ----------
    ours : the gradient in question, in the shape of x
    x : what is moved
    out_of : the output for a moved, complex x
    d_out : in the output's shape
    reach : how large the numbers are whose rounding may show
    free : which entries can move at all; the gradient of the others is 0. None is all of them.

    Examples
    --------
    >>> told = derivative(np.array([2.0, 5.0]), np.array([1.0, 2.0]), np.square, np.ones(2), reach=1)
    >>> told.exact, told.ok
    (array([2., 4.]), False)
    """
    exact, sizes = np.zeros(x.shape), np.zeros(x.shape)
    for index in map(tuple, np.argwhere(np.ones(x.shape) if free is None else free)):
        moved = x.astype(complex)
        moved[index] += 1j * H
        terms = d_out * (np.imag(out_of(moved)) / H)
        exact[index], sizes[index] = terms.sum(), np.abs(terms).sum()
    allowed = ALLOWED * np.abs(exact).max(initial=0) + 16 * EPS * (sizes + reach)
    return Derivative(ours, exact, allowed)
