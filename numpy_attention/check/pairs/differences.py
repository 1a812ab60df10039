"""Derivatives without complex numbers: central differences, extrapolated to step 0, with an estimated error.

    (f(t) - f(-t)) / 2t = f'(0) + a t² + b t⁴ + …

Halving t and eliminating t², t⁴, … in turn (Richardson) leaves rounding, which grows as t falls. Of all
steps and orders the one is taken whose neighbours differ from it least, and that difference is the estimate
of its error (Ridders 1982).
"""

from collections.abc import Callable

import numpy as np

from ...functional.base.admission import Array

FIRST, HALVINGS = 2.0**-4, 12
"""The largest step, relative to the direction, and how often it is halved."""

SAFETY = 8.0
"""Factor on the estimated error."""

EPS = float(np.finfo(float).eps)


def extrapolated(function: Callable[[float], Array]) -> tuple[Array, Array]:
    """The derivative of function(t) at t = 0, entry by entry, and the estimated error of each.

    Examples
    --------
    >>> slope, error = extrapolated(lambda t: np.exp([t, 2 * t]))
    >>> bool((abs(slope - [1, 2]) <= error).all()), bool((error < 1e-9).all())
    (True, True)
    """
    before: list[Array] = []
    best: Array = np.zeros(())
    error: Array = np.full((), np.inf)
    with np.errstate(all="ignore"):
        for halving in range(HALVINGS):
            t = FIRST * 0.5**halving
            ahead, behind = (np.asarray(function(x), dtype=float) for x in (t, -t))
            rounding = EPS * (np.abs(ahead) + np.abs(behind)) / t
            row = [(ahead - behind) / (2 * t)]
            for order, earlier in enumerate(before, start=1):
                row.append(row[-1] + (row[-1] - earlier) / (4.0**order - 1))
                apart = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - earlier)) + rounding
                better = apart < error
                best, error = np.where(better, row[-1], best), np.where(better, apart, error)
            before = row
    return best, SAFETY * error
