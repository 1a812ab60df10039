"""One block of rows of `fast_attention` forward, tile by tile: what a worker does at a time."""

from typing import NamedTuple

import numpy as np

from .arrays import Array, quiet, transposed
from .fast_tiles import Work, bias_and_hide, calm, cap, factor_of, powers, rows_of, shift_of, thin, tiles_of
from .slabs import Block
from .workers import Buffers


class Results(NamedTuple):
    """Where blocks put what they find: out (N, n, L, E), lse and highest score to the base 2 (N, n, L)."""

    out: Array
    lse2: Array
    top2: Array


@quiet
def forward_block(work: Work, results: Results, sinks2: Array | None, block: Block, buffers: Buffers) -> None:
    """The online softmax over the tiles of a block: see `blockwise_attention`.

    sinks2 (N, n) are the sinks to the base 2.
    """
    slabs, problem = work.slabs, work.slabs.problem
    rows = rows_of(work, block, factor_of(problem.softcap), buffers)
    (heads, R, _), dtype = rows.query.shape, rows.query.dtype
    highest = np.full((heads, R), -np.inf, dtype)
    base = highest  # what rows are shifted by: 0, or the highest score so far
    if sinks2 is not None:
        base = np.repeat(sinks2[block[:2]], block.rows.stop - block.rows.start, axis=-1)
    summed = np.exp2(base - shift_of(base))
    out = results.out[block].reshape(heads, R, -1)  # a view: several members have all their rows in a block
    empty = True
    for columns, hidden in tiles_of(work, rows):
        scores = buffers("scores", (heads, columns.stop - columns.start, R), dtype)
        np.matmul(slabs.key[block.slabs, columns], transposed(rows.query), out=scores)
        if problem.softcap is not None:
            cap(scores, problem.softcap, buffers)
        bias_and_hide(work, rows, columns, hidden, scores)
        still = calm(work, rows, columns, hidden)
        peak = np.maximum.reduce(scores, axis=1)
        highest = np.maximum(highest, peak)
        before, base = base, np.maximum(base, np.where(still, 0, peak))
        if still is not True or base.any():
            np.subtract(scores, shift_of(base)[:, None, :], out=scores)
            exponentials = powers(scores, buffers)
        else:
            exponentials = np.exp2(scores, out=scores)
        shrink = np.where(np.isneginf(before), 0, np.exp2(shift_of(before) - shift_of(base)))
        summed = summed * shrink + np.matmul(np.ones(scores.shape[1], dtype), exponentials)
        if problem.dropout is not None:
            thin(work, rows, columns, exponentials)
        product = out if empty else buffers("product", out.shape, dtype)
        np.matmul(transposed(exponentials), slabs.value[block.slabs, columns], out=product)
        if not empty:
            if (shrink != 1).any():
                out *= shrink[:, :, None]
            out += product
        empty = False
    shape = results.lse2[block].shape
    results.lse2[block] = (shift_of(base) + np.log2(summed)).reshape(shape)
    results.top2[block] = highest.reshape(shape)
    if empty:
        out[...] = 0
    out /= np.where(summed == 0, 1, summed)[:, :, None]
