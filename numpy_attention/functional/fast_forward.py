"""One block of rows of `fast_attention` forward, tile by tile: what a worker does at a time."""

from typing import NamedTuple

import numpy as np

from .arrays import Array, quiet, transposed
from .fast_tiles import (
    Work,
    add_bias,
    by_row,
    cap,
    hide,
    highest,
    powers,
    rows_of,
    shift_of,
    still_rows,
    thin,
    tiles_of,
)
from .slabs import Block
from .spoiled import is_finite
from .workers import Buffers


class Results(NamedTuple):
    """Where blocks put what they find: out (N, n, L, E), lse to the base 2 and largest weight (N, n, L).

    Blocks that something not finite came into are in `spoiled`.
    """

    out: Array
    lse2: Array
    largest: Array
    spoiled: list[Block]


@quiet
def forward_block(work: Work, results: Results, sinks2: Array | None, block: Block, buffers: Buffers) -> None:
    """The online softmax over the tiles of a block: see `blockwise_attention`.

    sinks2 (N, n) are the sinks to the base 2.
    """
    slabs, problem = work.slabs, work.slabs.problem
    rows = rows_of(work, block, buffers)
    (heads, R, _), dtype = rows.query.shape, rows.query.dtype
    base = np.full((heads, R), -np.inf, dtype)  # what rows are shifted by: 0, or the highest score so far
    summed, largest = np.zeros((2, heads, R), dtype)  # of the exponentials
    out = results.out[block].reshape(heads, R, -1)  # a view: several members have all their rows in a block
    empty, shifted = True, False
    for columns, hidden in tiles_of(work, rows):
        scores = buffers("scores", (heads, columns.stop - columns.start, R), dtype)
        np.matmul(slabs.key[block.slabs, columns], transposed(rows.query), out=scores)
        if problem.softcap is not None:
            cap(scores, problem.softcap, buffers)
        if problem.bias is not None:
            add_bias(work, rows, columns, scores)
        still = still_rows(work, rows, columns, hidden, scores)
        if still is True and not shifted:
            exponentials = np.exp2(scores, out=scores)
            if empty:
                base[...] = 0
        else:
            top = 0 if still is True else np.where(still, 0, highest(rows, hidden, scores))
            before, base, shifted = base, np.maximum(base, top), True
            np.subtract(scores, shift_of(base)[:, None, :], out=scores)
            hide(rows, hidden, scores)
            exponentials = powers(scores, buffers)
            _shrink(before, base, summed, largest, None if empty else out)
        hide(rows, hidden, exponentials)
        np.maximum(largest, np.maximum.reduce(exponentials, axis=1), out=largest)
        summed += np.matmul(np.ones(scores.shape[1], dtype), exponentials)
        if problem.dropout is not None:
            thin(work, rows, columns, exponentials)
        product = out if empty else buffers("product", out.shape, dtype)
        np.matmul(transposed(exponentials), slabs.value[block.slabs, columns], out=product)
        if not empty:
            out += product
        empty = False
    if empty:
        out[...] = 0
    if sinks2 is not None:
        sink = by_row(sinks2, block)
        before, base = base, np.maximum(base, sink)
        _shrink(before, base, summed, largest, out)
        summed += np.exp2(sink - shift_of(base))
    lse2, shape = np.log2(summed) + shift_of(base), results.lse2[block].shape
    summed[summed == 0] = 1
    out /= summed[:, :, None]
    results.lse2[block] = lse2.reshape(shape)
    results.largest[block] = (largest / summed).reshape(shape)
    if not rows.finite() or (work.few and not (is_finite(out) and (lse2 < np.inf).all())):
        results.spoiled.append(block)


def _shrink(before: Array, base: Array, summed: Array, largest: Array, out: Array | None) -> None:
    """What was found in rows shifted by `before`, in place, as if they had been shifted by `base`."""
    factor = np.where(np.isneginf(before), 0, np.exp2(shift_of(before) - shift_of(base)))
    summed *= factor
    largest *= factor
    if out is not None and (factor != 1).any():
        out *= factor[:, :, None]
