"""The online softmax, over rows that arrive tile by tile: step 5 of `blockwise_attention`.

Forward updates a row's maximum, sum and output with each tile; backward needs only two numbers about a row's
other tiles, lse and delta. `blockwise_attention` derives both.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..base.admission import Array
from ..base.arrays import accurate_sum, keep_visible, shape_repr
from ..base.stable import finite_shift, row_maximum


class RunningSoftmax(NamedTuple):
    """Softmax of a block of rows over the tiles so far: the highest score, the sum and the output.

    top and summed (..., H, r, 1), out (..., H, r, E); summed and out are in units of exp(finite_shift(top)).
    """

    top: Array
    summed: Array
    out: Array


def start(sinks: Array | None, rows: Array) -> RunningSoftmax:
    """The state before the first tile: empty, or a sink, which is the score of a key without a value.

    `rows` (..., H, r, E) has the shape and dtype of the output.
    """
    top = np.full_like(rows[..., :1], -np.inf, shape=(*rows.shape[:-1], 1))
    if sinks is not None:
        top[...] = sinks[..., None, None]
    return RunningSoftmax(top, np.exp(top - finite_shift(top)), np.zeros_like(rows))


def include(so_far: RunningSoftmax, masked: Array) -> tuple[Array, Array, RunningSoftmax]:
    """Add a tile: its exponentials, the factor on the earlier sums, and the new state.

        top'    = max(top, rowmax(masked))
        shrink  = exp(top - top')
        summed' = shrink * summed + rowsum(exp(masked - top'))

    Exponentials are relative to the highest score so far, so none overflows; a higher score rescales the
    earlier sums, as if it had been known from the start.
    """
    top = row_maximum(np.concatenate([so_far.top, masked], axis=-1))
    shrink = np.where(so_far.top.real == -np.inf, 0, np.exp(finite_shift(so_far.top) - finite_shift(top)))
    exponentials = np.exp(masked - finite_shift(top))
    summed = shrink * so_far.summed + accurate_sum(exponentials, axis=-1, keepdims=True)
    return exponentials, shrink, RunningSoftmax(top, summed, shrink * so_far.out)


def finish(so_far: RunningSoftmax, attends: Array) -> tuple[Array, Array, Array]:
    """out = out / summed, 0 for a fully masked row; lse = top + log(summed), and what its rounding lost."""
    top, summed, out = finite_shift(so_far.top), so_far.summed, so_far.out
    lse = top + np.log(summed)
    rest = np.where(np.isfinite(lse), (top - lse) + np.log(summed), 0)
    return np.where(attends, out / summed, 0), lse[..., 0], rest[..., 0]


def recompute_weights(masked: Array, lse: Array, rest: Array, visible: Array | None) -> Array:
    """A tile's weights, exp(masked - lse): lse is all that it needs of the rest of the row.

    Where scores are as low as -1e9, written for a mask by some, lse has no digits left for log(summed), which
    `rest` holds then.
    """
    return keep_visible(np.exp((masked - lse) - rest), visible)


def backward_tile(
    d_weights: Array, weights: Array, delta: Array, d_lse: Array, visible: Array | None
) -> Array:
    """Undo weights = exp(masked - lse): d_masked = weights * (d_weights - delta + d_lse).

    delta is rowsum(weights * d_weights) over all tiles.
    """
    return keep_visible(weights * (d_weights - delta + d_lse), visible)


@shape_repr
class OnlineSoftmax(NamedTuple):
    """The functions above, in the place of STEPS.softmax."""

    start: Callable[..., RunningSoftmax]
    include: Callable[..., tuple[Array, Array, RunningSoftmax]]
    finish: Callable[..., tuple[Array, Array, Array]]
    recompute_weights: Callable[..., Array]
    backward_tile: Callable[..., Array]


ONLINE = OnlineSoftmax(start, include, finish, recompute_weights, backward_tile)


def admit_online(online: object) -> OnlineSoftmax:
    """An online softmax; TypeError for anything else."""
    if not isinstance(online, OnlineSoftmax):
        raise TypeError(f"online is {type(online).__name__}; ONLINE or ONLINE._replace(…) is expected")
    return online
