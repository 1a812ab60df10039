"""Another map with the same output: w' >= 0 with w' @ value = w @ value and the same sum.

    w' = w + t d,  [valueᵀ; 1ᵀ] d = 0          d in the null space: there is one for more keys than its rank

`other_weights` lowers w · w', a linear program, by an active-set method. From w it moves along the d that
lowers w · w' fastest until a weight is 0, and holds that weight at 0. Where no d is left, it releases the
held weight whose release lowers w · w' fastest.

References
----------
Jain, Wallace 2019, Attention is not explanation; Wiegreffe, Pinter 2019, Attention is not not explanation;
Brunner et al. 2020, On identifiability in transformers, section 3: the null space of the values.
"""

import numpy as np

from ...functional.base.admission import Array

TINY = 1e-9
"""A direction this much shorter than the weights is none."""
MOST_MOVES = 4
"""For each key."""


def without_effect(constraints: Array, cost: Array) -> tuple[Array, Array]:
    """The cost (n,) in the null space of the constraints (m, n), and y of the rest, constraintsᵀ y.

    Examples
    --------
    >>> without_effect(np.array([[1.0, 1.0]]), np.array([3.0, 1.0]))[0].round(12)
    array([ 1., -1.])
    """
    y = np.linalg.lstsq(constraints.T, cost, rcond=None)[0]
    return cost - constraints.T @ y, y


def other_weights(weights: Array, value: Array) -> Array | None:
    """Weights (n,) >= 0 with the same sum and the same weights @ value (n, E); None if none are found.

    Examples
    --------
    Three keys with values of one column, the middle one the mean of the outer two.

    >>> other_weights(np.array([0.25, 0.5, 0.25]), np.array([[1.0], [2.0], [3.0]])).round(12) + 0.0
    array([0.5, 0. , 0.5])
    """
    largest = float(np.abs(weights).max(initial=0))
    scaled = value / np.maximum(np.abs(value).max(axis=0, initial=0), np.finfo(np.float64).tiny)
    constraints = np.vstack([scaled.T, np.ones(len(weights))])
    free, other = np.ones(len(weights), dtype=bool), weights.astype(np.float64)
    for _ in range(MOST_MOVES * len(weights)):
        part, y = without_effect(constraints[:, free], weights[free])
        if np.abs(part).max(initial=0) <= TINY * largest:  # no way down: which weight that is 0 opens one?
            slopes = np.where(free, np.inf, weights - constraints.T @ y)
            if not slopes.min(initial=np.inf) < -TINY * largest:
                break
            free[np.argmin(slopes)] = True
            continue
        lengths = np.where(part > 0, other[free] / np.where(part > 0, part, 1), np.inf)
        nearest = int(np.argmin(lengths))
        moved = np.maximum(other[free] - lengths[nearest] * part, 0)
        moved[nearest] = 0
        other[free] = moved
        free[np.flatnonzero(free)[nearest]] = False
    return None if np.array_equal(other, weights) else other


def other_rows(weights: Array, value: Array, visible: Array) -> Array:
    """`other_weights` of each row (L, S) among its visible keys; rows without others as they are."""
    found = weights.astype(np.float64)
    for row, seen in enumerate(visible):
        other = other_weights(weights[row, seen], value[seen])
        if other is not None:
            found[row, seen] = other
    return found
