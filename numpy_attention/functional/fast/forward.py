"""One block of rows of `fast_attention` forward, tile by tile: what a worker does at a time."""

from typing import Literal, NamedTuple

import numpy as np

from ..base.admission import Array, quiet
from ..base.arrays import transposed
from ..base.workers import Buffers
from .kernels import (
    CALM,
    OfRows,
    Rows,
    Work,
    add_bias,
    by_row,
    cap,
    powers,
    rows_of,
    shift_of,
    small,
    sound,
    thin,
)
from .nonfinite import is_finite
from .stack import Block
from .visibility import Hidden, hide, highest, least_base, tiles_of


class Results(NamedTuple):
    """Where blocks put what they find: out (N, n, L, E), and what they find of rows (N, n, L).

    Blocks of which not all is finite, or as it should be, are in `spoiled`.
    """

    out: Array
    of_rows: OfRows
    spoiled: list[Block]


@quiet
def forward_block(work: Work, results: Results, sinks2: Array | None, block: Block, buffers: Buffers) -> None:
    """The online softmax over the tiles of a block: see `blockwise_attention`.

    sinks2 (N, n) are the sinks to the base 2. A row is shifted by its highest score, unless its scores are
    small: then by 0, that is not at all. Which it is depends on what the row sees alone, and so does every
    bit of its numbers.
    """
    slabs, problem = work.slabs, work.slabs.problem
    rows = rows_of(work, block, buffers)
    (heads, R, _), dtype = rows.query.shape, rows.query.dtype
    base = np.full((heads, R), -np.inf, dtype)  # what rows are shifted by, once they have seen a key
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
        before, least = base, least_base(rows, hidden, base)
        still = True if small(work, rows, columns) else _still(rows, hidden, scores)
        if still is True and not shifted:
            base = np.maximum(base, least)
            exponentials = np.exp2(scores, out=scores)
        else:
            top = least if still is True else np.where(still, least, highest(rows, hidden, scores))
            base, shifted = np.maximum(base, top), True
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
        before, base = base, np.where((base == 0) & (sink <= CALM), 0, np.maximum(base, sink))
        _shrink(before, base, summed, largest, out)
        summed += np.exp2(sink - shift_of(base))
    total = np.where(summed == 0, 1, summed)
    out /= total[:, :, None]
    found = OfRows(base, summed, largest / total)
    for place, x in zip(results.of_rows, found, strict=True):
        place[block] = x.reshape(place[block].shape)
    if not (is_finite(out) and sound(found.lse2()).all()):
        results.spoiled.append(block)


def _still(rows: Rows, hidden: Hidden, scores: Array) -> Array | Literal[True]:
    """The rows whose scores are small, by a look at them, or True for all; hidden ones are 0 from then on."""
    hide(rows, hidden, scores)
    still = np.maximum.reduce(scores, axis=1) <= CALM
    still &= np.minimum.reduce(scores, axis=1) >= -CALM
    return True if still.all() else still


def _shrink(before: Array, base: Array, summed: Array, largest: Array, out: Array | None) -> None:
    """What was found in rows shifted by `before`, in place, as if they had been shifted by `base`."""
    factor = np.where(np.isneginf(before), 0, np.exp2(shift_of(before) - shift_of(base)))
    summed *= factor
    largest *= factor
    if out is not None and (factor != 1).any():
        out *= factor[:, :, None]
