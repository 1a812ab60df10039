"""Errors of computed arrays against fifty-digit results, and relative to their error bounds."""

import math
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...functional.attention.attention import attention_backward, attention_forward
from ...functional.base.admission import Array
from ..rounding.decimals import digits, nearest, spacing
from .inputs import Inputs
from .oracle import Results


class Errors(NamedTuple):
    """Errors of an array, entry by entry and overall."""

    ulps: Array
    """In units in the last place of the array's dtype at the exact number."""
    rounded: Array
    """True where it is the float nearest to the exact number."""
    over: Array
    """Ratio to the bound, after subtracting the half unit allowed for a final rounding."""
    normwise: float
    """Largest error over the largest exact number, in units of the dtype's eps."""


def errors(got: Any, expected: Any, bound: Any = 0.0, dtype: npt.DTypeLike = float) -> Errors:
    """Errors of `got` against exact Decimals and a bound.

    Parameters
    ----------
    got : an array of floats.
    expected : an array of Decimals of its shape.
    bound : error bound of the computation in `dtype`. A `got` of another dtype was rounded once more: half a
        unit in its last place is allowed besides.

    Examples
    --------
    >>> e = errors(np.array([0.25, 1 / 3]), np.array([Decimal(1) / 4, Decimal(1) / 3]), 1e-16)
    >>> e.ulps.round(2), e.rounded, e.over.round(2)
    (array([ 0.  , -0.33]), array([ True,  True]), array([0.  , 0.19]))
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        raise ValueError(f"got has shape {got.shape}, expected {expected.shape}; they must be equal")
    pairs = list(zip(map(float, got.ravel()), expected.ravel(), strict=True))
    with digits():
        differences = [_difference(x, y, got.dtype) for x, y in pairs]
        units = [spacing(y, got.dtype) for _, y in pairs]
        ulps = [float(d / Decimal(unit)) for d, unit in zip(differences, units, strict=True)]
    sizes = np.abs(np.array(differences, dtype=float))
    half = 0.0 if got.dtype == np.dtype(dtype) else 0.5
    with np.errstate(all="ignore"):
        excess = np.maximum(sizes - half * np.array(units), 0)
        over = np.where(excess > 0, excess / np.broadcast_to(bound, got.shape).ravel(), 0.0)
        largest = max((abs(float(y)) for _, y in pairs if y.is_finite()), default=0.0)
        normwise = float(np.nan_to_num(sizes.max(initial=0) / largest)) / float(np.finfo(got.dtype).eps)
    return Errors(
        ulps=np.array(ulps, dtype=float),
        rounded=np.array([x == nearest(y, got.dtype) for x, y in pairs], dtype=bool),
        over=over,
        normwise=normwise,
    )


def _difference(got: float, x: Decimal, dtype: npt.DTypeLike) -> Decimal:
    """got - x; 0 where both round to the same infinity, otherwise infinite where one is."""
    if math.isfinite(got) and x.is_finite():
        return Decimal(got) - x
    return Decimal(0) if got == nearest(x, dtype) else Decimal("Infinity")


def results(inputs: Inputs, forward: Any = attention_forward, backward: Any = attention_backward) -> Results:
    """Outputs and gradients of this package's attention for `inputs`."""
    inputs = inputs.dense()
    out, saved = forward(*inputs.arguments, **inputs.keywords)
    d_out = np.zeros(out.shape) if inputs.d_out is None else inputs.d_out
    gradients = backward(d_out, saved, **inputs.cotangents)
    return Results(out, saved.weights, saved.lse, *gradients)
