"""NaN and infinity in the inputs of `fast_attention`, whose kernels compute with finite numbers only.

The kernels run with 0 in place of NaN and infinity; results that do not depend on one keep every bit. The
others come from `blockwise_attention`:

    rows with a non-finite visible score     the whole row: a weight may be 0 or NaN
    elsewhere                                where blockwise is non-finite
"""

import math
from typing import Any

import numpy as np

from ..base.admission import Array
from ..base.arrays import unbroadcast
from ..masks.kinds import Visible
from ..tiled.tiling import TiledArguments, slices, tile_view


def options_are_finite(problem: TiledArguments) -> bool:
    """True where scale is finite, and bias and sinks finite or -inf; query, key, value are not examined."""
    scale = problem.scale
    if not (math.isfinite(scale) if isinstance(scale, float) else np.isfinite(scale).all()):
        return False
    for x in (problem.bias, problem.sinks):
        if isinstance(x, np.ndarray) and is_nan_or_plus_inf(x).any():
            return False
    return True


def all_finite(x: Array) -> bool:
    """True where every entry is finite: then the sum is, unless it overflows."""
    return math.isfinite(x.sum()) or bool(np.isfinite(x).all())


def is_nan_or_plus_inf(x: Array) -> Array:
    """True where x is neither finite nor -inf."""
    return ~(np.isfinite(x) | np.isneginf(x))


def with_finite_inputs(problem: TiledArguments) -> TiledArguments:
    """The arguments with 0 for every NaN and infinity, save a bias or sink of -inf."""

    def additive(x: Any) -> Any:
        return np.where(is_nan_or_plus_inf(x), 0, x) if isinstance(x, np.ndarray) else x

    return problem._replace(
        query=zero_nonfinite(problem.query),
        key=zero_nonfinite(problem.key),
        value=zero_nonfinite(problem.value),
        bias=additive(problem.bias),
        scale=zero_nonfinite(problem.scale) if isinstance(problem.scale, np.ndarray) else problem.scale,
        sinks=additive(problem.sinks),
    )


def zero_nonfinite(x: Array) -> Array:
    """x with 0 where it is not finite, contiguous."""
    return np.ascontiguousarray(np.where(np.isfinite(x), x, 0))


def nonfinite_rows(problem: TiledArguments, side: int) -> Array:
    """True for rows (..., H, L) with a visible score, or a sink, made non-finite by an input."""
    *heads, L, S = problem.shape
    group = 1 if problem.key.ndim == 2 else heads[-1] // problem.key.shape[-3]
    keys, queries = (np.asarray(~np.isfinite(x).all(axis=-1)) for x in (problem.key, problem.query))
    keys = np.repeat(keys, group, axis=-2) if problem.key.ndim > 2 else keys
    touched = np.zeros((*heads, L), dtype=bool)
    for rows in slices(L, side):
        for columns in slices(S, side):
            bad = queries[..., rows, None] | keys[..., None, columns]
            if isinstance(problem.scale, np.ndarray):
                bad = bad | ~np.isfinite(tile_view(problem.scale, rows, columns))
            if isinstance(problem.bias, np.ndarray):
                bad = bad | is_nan_or_plus_inf(tile_view(problem.bias, rows, columns))
            touched[..., rows] |= (problem.visible(rows, columns) & bad).any(axis=-1)
    if problem.sinks is not None:
        touched |= is_nan_or_plus_inf(problem.sinks)[..., None]
    return touched


def restrict_to_rows(problem: TiledArguments, rows: Array) -> TiledArguments:
    """The arguments with every row but `rows` (..., H, L) fully masked."""
    selected = Visible(rows[..., None])
    return problem._replace(mask=selected if problem.mask is None else problem.mask & selected)


def merge_gradients(finite_rows: Any, other_rows: Any, blockwise: Any) -> Any:
    """The sum of both kinds of rows, replaced by `blockwise` where either of them is not finite.

    All three are summed to one shape first, so that a part is replaced by a part and not by the whole.
    """
    if finite_rows is None:
        return None
    ndim = min(finite_rows.ndim, other_rows.ndim, blockwise.ndim)
    shapes = (x.shape[x.ndim - ndim :] for x in (finite_rows, other_rows, blockwise))
    shape = tuple(map(min, *shapes))
    finite_rows, other_rows, blockwise = (unbroadcast(x, shape) for x in (finite_rows, other_rows, blockwise))
    total = np.where(other_rows != 0, finite_rows + other_rows, finite_rows)
    return np.where(np.isfinite(blockwise) & np.isfinite(total), total, blockwise)
