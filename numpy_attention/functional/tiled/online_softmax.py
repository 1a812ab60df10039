"""Softmax for rows that come tile by tile: the fifth step of `blockwise_attention`.

Forward keeps what a row has shown so far, and brings it up to date with each tile; backward needs of the
other tiles of a row no more than two numbers, lse and delta. `blockwise_attention` has the derivations.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..base.admission import Array
from ..base.arrays import accurate_sum, keep_visible
from ..base.stable import finite_shift, row_maximum


class SoFar(NamedTuple):
    """What the tiles of a block of rows have shown so far: the highest score, the sum and the output.

    top and summed (..., H, r, 1), out (..., H, r, E); summed and out are in units of exp(shift_of(top)).
    """

    top: Array
    summed: Array
    out: Array


def start(sinks: Array | None, rows: Array) -> SoFar:
    """Before the first tile: nothing, or a sink, which is a score seen already, of a key without a value.

    `rows` (..., H, r, E) has the shape and the dtype of the output.
    """
    top = np.full_like(rows[..., :1], -np.inf, shape=(*rows.shape[:-1], 1))
    if sinks is not None:
        top[...] = sinks[..., None, None]
    return SoFar(top, np.exp(top - finite_shift(top)), np.zeros_like(rows))


def include(so_far: SoFar, masked: Array) -> tuple[Array, Array, SoFar]:
    """One tile more: its exponentials, by how much all that was summed shrinks, and the new sums.

        top'    = max(top, rowmax(masked))
        shrink  = exp(top - top')
        summed' = shrink * summed + rowsum(exp(masked - top'))

    Every exponential is relative to the highest score so far, and none overflows. When a higher one comes,
    what was summed is brought to the new unit, as if that score had been known from the start.
    """
    top = row_maximum(np.concatenate([so_far.top, masked], axis=-1))
    shrink = np.where(so_far.top.real == -np.inf, 0, np.exp(finite_shift(so_far.top) - finite_shift(top)))
    exponentials = np.exp(masked - finite_shift(top))
    summed = shrink * so_far.summed + accurate_sum(exponentials, axis=-1, keepdims=True)
    return exponentials, shrink, SoFar(top, summed, shrink * so_far.out)


def finish(so_far: SoFar, attends: Array) -> tuple[Array, Array]:
    """out = out / summed and lse = top + log(summed); a row that attends to nothing gets 0."""
    top, summed, out = so_far
    return np.where(attends, out / summed, 0), (finite_shift(top) + np.log(summed))[..., 0]


def recall(masked: Array, lse: Array, visible: Array | None) -> Array:
    """A tile's weights once more: exp(masked - lse). Of the rest of the row, lse is all that is needed."""
    return keep_visible(np.exp(masked - lse), visible)


def undo(d_weights: Array, weights: Array, delta: Array, d_lse: Array, visible: Array | None) -> Array:
    """d_masked = weights * (d_weights - delta + d_lse), delta = rowsum(weights * d_weights) of whole rows."""
    return keep_visible(weights * (d_weights - delta + d_lse), visible)


class Online(NamedTuple):
    """Step 5 for rows that come tile by tile, in the place of STEPS.softmax."""

    start: Callable[..., SoFar]
    include: Callable[..., tuple[Array, Array, SoFar]]
    finish: Callable[..., tuple[Array, Array]]
    recall: Callable[..., Array]
    undo: Callable[..., Array]


ONLINE = Online(start, include, finish, recall, undo)
