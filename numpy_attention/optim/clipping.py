"""Clipping by global norm: all gradients are shortened together, so that their direction stays.

norm  = √(Σ over all gradients g, Σ over all entries of g²)
grads ← grads * min(1, limit / norm)
"""

import math
from typing import Any

import numpy as np

from ..functional.base.admission import Array, quiet
from .settings import not_negative
from .trees import Tree, replaced
from .updates import real_leaves


@quiet
def clip_by_global_norm(grads: Tree, limit: float) -> tuple[dict[Any, Any], float]:
    """All gradients, shortened together if their common length exceeds `limit`.

        norm  = √(Σ g²), over every entry of every array
        grads ← grads * min(1, limit / norm)

    The norm is computed in float64 and in units of the largest entry, so it neither overflows nor
    underflows on the way, whatever the gradients are.

    Parameters
    ----------
    grads : a dict of arrays, nested as you like.
    limit : the length allowed, >= 0.

    Returns
    -------
    grads : new arrays in the dtypes that came, each entry rounded once; copies if nothing was clipped.
    norm : the length before clipping, a Python float. Where a gradient is infinite or NaN there is nothing
        to scale by: the norm is inf, or nan if any entry is, and the gradients come back as they were, so
        that one can see which it is. So ask `math.isfinite(norm)` and skip the step if it is not. (PyTorch
        scales by 0 or NaN there, and spoils the rest.)

    Raises
    ------
    TypeError, ValueError
        For what is no dict of real floating arrays, or for a limit that is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_global_norm({"weight": np.array([3.0]), "bias": np.array([-4.0])}, 1.0)
    ({'weight': array([0.6]), 'bias': array([-0.8])}, 5.0)

    References
    ----------
    Pascanu, Mikolov, Bengio 2013, Algorithm 1. PyTorch divides by norm + 1e-6, and so falls short of the
    limit by as much.
    """
    limit = not_negative("limit", limit)
    arrays = real_leaves("grads", grads)
    largest = float(np.max([_largest(array) for array in arrays.values()], initial=0.0))
    if not math.isfinite(largest):
        return replaced(grads, {path: array.copy() for path, array in arrays.items()}), largest

    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)  # a power of two: scaling rounds nothing
    length = math.sqrt(math.fsum(_sum_of_squares(array, unit) for array in arrays.values()))
    norm = length * unit
    if norm <= limit:
        clipped = {path: array.copy() for path, array in arrays.items()}
    else:
        clipped = {
            path: np.asarray(array / np.float64(unit) * (limit / length), array.dtype)
            for path, array in arrays.items()
        }
    return replaced(grads, clipped), norm


def _largest(array: Array) -> Any:
    """The largest magnitude; NaN if any entry is, 0 for no entries."""
    return np.max(np.abs(array), initial=0.0)


def _sum_of_squares(array: Array, unit: float) -> float:
    return float(np.sum(np.square(array / np.float64(unit))))
