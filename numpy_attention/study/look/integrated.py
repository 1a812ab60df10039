"""Integrated gradients: what each token adds to the answer on the straight line from a baseline to the input.

    attribution = (x - baseline) * ∫ ∂f/∂x at baseline + α (x - baseline), α from 0 to 1
    complete:     Σ attributions = f(x) - f(baseline)

The integral is by Gauss-Legendre quadrature, exact for polynomials: with n points up to degree 2 n - 1.

References
----------
Sundararajan, Taly, Yan 2017, Axiomatic attribution for deep networks, equation 1 and proposition 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .passes import Forward

STEPS = (32, 64, 128, 256, 512, 1024)
"""Numbers of points, tried one after the other."""
ALLOWED = 0.01
"""The largest error of completeness, relative to f(x) - f(baseline), at which no more points are tried."""
TOGETHER = 1024
"""Tokens that go through the model side by side, at most, or those of one step."""


class Integrated(NamedTuple):
    """The attributions, and how far they are from complete."""

    attributions: tuple[Array, ...]
    """(T,) of each input: the sum over its columns"""
    difference: float
    """f(x) - f(baseline)"""
    error: float
    """Σ attributions - difference"""
    steps: int

    @property
    def relative(self) -> float:
        """The error as a share of the difference."""
        return abs(self.error) / max(abs(self.difference), np.finfo(float).tiny)


def integrated_gradients(
    forward: Forward, inputs: Sequence[Array], baseline: Sequence[Array], steps: int | None = None
) -> Integrated:
    """The attributions with so many steps; None: the first of `STEPS` whose error is allowed, or the last."""
    ends = [forward({}, [x[None] for x in end]).values[0] for end in (inputs, baseline)]
    difference = float(ends[0] - ends[1])
    for count in (steps,) if steps else STEPS:
        found = attributions(forward, inputs, baseline, count)
        error = float(sum(x.sum() for x in found)) - difference
        result = Integrated(found, difference, error, count)
        if result.relative <= ALLOWED:
            break
    return result


def attributions(
    forward: Forward, inputs: Sequence[Array], baseline: Sequence[Array], steps: int
) -> tuple[Array, ...]:
    """(T,) of each input: Σ over its columns of (x - baseline) * Σ_i weight_i ∂f/∂x at the point α_i."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    alphas, weights = (points + 1) / 2, weights / 2
    together = max(TOGETHER // max(map(len, inputs)), 1)
    sums = [np.zeros(x.shape) for x in inputs]
    for first in range(0, steps, together):
        alpha, weight = (x[first : first + together, None, None] for x in (alphas, weights))
        points_between = [start + alpha * (x - start) for x, start in zip(inputs, baseline, strict=True)]
        for total, gradient in zip(sums, forward({}, points_between).back(), strict=True):
            total += (weight * gradient).sum(axis=0)
    return tuple(
        ((x - start) * total).sum(axis=-1) for x, start, total in zip(inputs, baseline, sums, strict=True)
    )
