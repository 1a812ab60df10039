"""Clipping by global norm: all gradients are scaled by one factor, which keeps their direction.

norm  = √(Σ over all gradients g, Σ over all entries of g²)
grads ← grads * min(1, limit / norm)
"""

import math
from typing import Any

import numpy as np

from ..functional.base.admission import Array, quiet
from .updates import Tree, not_negative, real_arrays, with_leaves


@quiet
def clip_by_global_norm(grads: Tree, limit: float) -> tuple[dict[Any, Any], float]:
    """All gradients, scaled down together if their global norm exceeds `limit`.

        norm  = √(Σ g²), over every entry of every array
        grads ← grads * min(1, limit / norm)

    The norm is computed in float64 and in units of the largest entry, so it neither overflows nor
    underflows on the way, whatever the gradients are.

    Parameters
    ----------
    grads : a dict of arrays, nested as you like.
    limit : the largest norm allowed, >= 0; inf clips nothing.

    Returns
    -------
    grads : new arrays in their own dtypes, each entry rounded once; copies if nothing was clipped.
    norm : the norm before clipping, a Python float. If an entry is infinite or NaN, so is the norm, and the
        gradients are returned unscaled, which shows where it is: skip the step unless `math.isfinite(norm)`.
        (PyTorch scales by 0 or NaN there and spoils the other gradients.)

    Raises
    ------
    TypeError, ValueError
        Unless grads is a dict of real floating arrays and limit a number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_global_norm({"weight": np.array([3.0]), "bias": np.array([-4.0])}, 1.0)
    ({'weight': array([0.6]), 'bias': array([-0.8])}, 5.0)

    References
    ----------
    Pascanu, Mikolov, Bengio 2013, Algorithm 1. PyTorch divides by norm + 1e-6, which ends below the limit.
    """
    if isinstance(limit, float) and math.isnan(limit):
        raise ValueError(f"limit is {limit}; a number >= 0, or inf, is expected")
    limit = math.inf if np.array_equal(limit, math.inf) else not_negative("limit", limit)
    arrays = real_arrays("grads", grads)
    largest = float(np.max([_largest(array) for array in arrays.values()], initial=0.0))
    if not math.isfinite(largest):
        return with_leaves(grads, {path: array.copy() for path, array in arrays.items()}), largest

    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)  # a power of two: scaling by it is exact
    length = math.sqrt(math.fsum(_sum_of_squares(array, unit) for array in arrays.values()))
    norm = length * unit
    if norm <= limit:
        clipped = {path: array.copy() for path, array in arrays.items()}
    else:
        clipped = {
            path: np.asarray(array / np.float64(unit) * (limit / length), array.dtype)
            for path, array in arrays.items()
        }
    return with_leaves(grads, clipped), norm


def _largest(array: Array) -> Any:
    """The largest magnitude; NaN if any entry is, 0 for no entries."""
    return np.max(np.abs(array), initial=0.0)


def _sum_of_squares(array: Array, unit: float) -> float:
    return float(np.sum(np.square(array / np.float64(unit))))
