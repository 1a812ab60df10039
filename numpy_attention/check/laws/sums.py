"""Sums of products, sums over broadcast axes, and the error of a sum whose terms err independently."""

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import unbroadcast

CONFIDENCE = 4.0


def dot(x: Array, y: Array) -> Array:
    """Σ x y along the last axis."""
    return np.asarray(np.einsum("...i,...i->...", x, y))


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape to which arrays of all these shapes can be summed: 1 wherever one of them has 1."""
    ndim = min(map(len, shapes))
    trailing = [shape[len(shape) - ndim :] for shape in shapes]
    return tuple(
        1 if 1 in lengths else 0 if 0 in lengths else lengths[0] for lengths in zip(*trailing, strict=True)
    )


def quadrature_sum(errors: Array, shape: tuple[int, ...]) -> Array:
    """Error bound of a sum down to `shape` whose terms err independently, each by at most e: 4 sqrt(Σ e²).

    It is exceeded with probability 7e-4 if every error is as large as its bound (Hoeffding 1963, theorem 2);
    real errors are far smaller.
    """
    return np.asarray(CONFIDENCE * np.sqrt(unbroadcast(errors * errors, shape)))
