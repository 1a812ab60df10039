"""The tiles of `fast_attention`: what is done to the scores of one, in buffers that stay.

The mathematics is that of `blockwise.py`. What is done otherwise, with D = E = 64, tiles of 1024 x 1024
float32 and one core of an Intel Xeon with AVX-512, in nanoseconds for each score, of which a product costs
1.4 (`benchmarks/profile.md`):

  1  Tiles stand upright, scoresᵀ (columns, rows): maximum, sum and shift of a row then run along NumPy's
     long contiguous axis. Maximum 0.25 for 0.31, subtraction 0.26 for 0.36.
  2  Exponentials are to the base 2, log2(e) being multiplied into the query: exp2 0.33 for exp 0.59.
  3  Sums over a row are a product with ones: 0.27 for 0.61.
  4  Rows whose scores are all small are not shifted, which saves 0.32 forward and backward. That they are
     is mostly told by the norms of query and key; to look at the scores is 0.71.
  5  Backward does not divide exponentials by their sum, but d_out, which has D numbers where a row has S.
  6  Where rows are shifted, a power below the smallest normal number is 0, which is 1.0 more where there
     are any: such numbers slow exp2 down 300 times, and products 100 times.
  7  What is hidden is 0 by its bits, after the exponential: 0.54. As -inf before it, it costs 0.56, and
     exp2 1.9 for 0.53.
  8  Buffers are kept: exp2 into new memory is 0.55 for 0.33.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..base.arrays import shape_repr
from ..base.workers import Buffers
from .stack import Block, Entry, Slabs

LOG2_E = 1 / math.log(2)


CALM = 30
"""Exponents to the base 2 up to which neither a power nor a sum of 2**60 of them leaves float32. Products of
them with values and cotangents may; then it is for `blockwise_attention`."""


@shape_repr
class Work(NamedTuple):
    """What all blocks share. scale is a number, or one for each row (N, n, L, 1); columns those of a tile.

    alike: whether masks are the same for all heads and batch entries; if so, the tiles of one are kept in
    memo for the next. reach_of_keys: what `reach_of` found of a stack of slabs, by the first of them.
    few: whether a key meets so few rows that to look at its scores is less than to look at the key.
    """

    slabs: Slabs
    scale: Any
    columns: int
    alike: bool
    few: bool
    memo: dict[tuple[int, int], Any]
    reach_of_keys: dict[int, Array]

    def scale_of(self, block: Block) -> Any:
        """The scale of a block's rows."""
        return self.scale if isinstance(self.scale, float) else self.scale[block]


@shape_repr
class OfRows(NamedTuple):
    """What the forward finds of each row, (N, n, L) or (..., H, L): to the base 2, what its scores were
    shifted by, and the sum of their exponentials; and its largest weight.
    """

    base: Array
    summed: Array
    largest: Array

    def shaped(self, *shape: int) -> "OfRows":
        """The same in another shape."""
        return OfRows(*(x.reshape(shape) for x in self))

    def lse2(self) -> Array:
        """lse to the base 2."""
        return np.asarray(np.log2(self.summed) + shift_of(self.base))


class Rows(NamedTuple):
    """A block of rows on its way through the tiles.

    query (slabs, members * rows, D) is scaled and contiguous. reach is the largest norm of its rows, of_keys
    (tiles,) that of the keys of each tile: no score to the base 2 exceeds their product.
    """

    block: Block
    query: Array
    reach: float
    of_keys: Array
    entries: list[Entry]

    def by_member(self, tile: Array) -> Array:
        """A tile (slabs, columns, members * rows) with the members on an axis of their own."""
        return tile.reshape(*tile.shape[:2], self.block.members.stop - self.block.members.start, -1)


def rows_of(work: Work, block: Block, buffers: Buffers) -> Rows:
    """A block before its first tile, its query multiplied by scale and what else belongs to the scores."""
    softcap, rows = work.slabs.problem.softcap, work.slabs.query[block]
    query = buffers("query", rows.shape, rows.dtype)
    np.multiply(rows, work.scale_of(block) * factor_of(softcap), out=query)
    query = query.reshape(len(query), -1, query.shape[-1])
    reach = norms(query).max() * (LOG2_E / factor_of(softcap))
    return Rows(block, query, float(reach), reach_of(work, block), work.slabs.entries(block))


def reach_of(work: Work, block: Block) -> Array:
    """The largest norm of the keys of each tile, (tiles,); infinite, for all that is known, where `few`."""
    place, those = block.slabs.start, block.slabs
    if place not in work.reach_of_keys:
        starts = range(0, work.slabs.key.shape[-2], work.columns)
        if work.few:
            reach = np.full(len(starts), np.inf)
        else:
            reach = np.maximum.reduceat(norms(work.slabs.key[those]).max(axis=0), starts)
        work.reach_of_keys[place] = reach
    return work.reach_of_keys[place]


def norms(x: Array) -> Array:
    """The Euclidean norm of each row."""
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", x, x)))


def small(work: Work, rows: Rows, columns: slice) -> bool:
    """Whether norms, or the softcap, tell that no score of a tile exceeds CALM, hidden ones included."""
    softcap = math.inf if work.slabs.problem.softcap is None else work.slabs.problem.softcap * LOG2_E
    most = min(softcap, rows.reach * rows.of_keys[columns.start // work.columns])
    return work.slabs.problem.bias is None and bool(most < CALM - 1)


def upright(tile: Array) -> Array:
    """(r, c), or what broadcasts to it, as (1, c, 1, r)."""
    tile = tile.reshape((1,) * (2 - tile.ndim) + tile.shape)
    return np.ascontiguousarray(tile.T)[None, :, None, :]


def cap(scores: Array, softcap: float, buffers: Buffers) -> Array:
    """Scores, which come in units of the softcap, capped and to the base 2, in place; and as they came."""
    raw = buffers("raw", scores.shape, scores.dtype)
    np.copyto(raw, scores)
    np.tanh(raw, out=scores)
    np.multiply(scores, softcap * LOG2_E, out=scores)
    return raw


def add_bias(work: Work, rows: Rows, columns: slice, scores: Array) -> None:
    """Step 3 on scores to the base 2, in place."""
    tile = rows.by_member(scores)
    for entry in rows.entries:
        bias = work.slabs.bias_tile(entry, rows.block.rows, columns)
        tile[entry.at] += upright(to_base_2(bias))


def to_base_2(x: Array) -> Array:
    """x log2(e); a finite x stays finite, be it the largest number there is, as some write for infinity."""
    most = np.finfo(x.dtype).max
    return np.where(np.isfinite(x), np.clip(x * x.dtype.type(LOG2_E), -most, most), x)


def sound(lse2: Array) -> Array:
    """Which of them are as they should be: not NaN, not infinite, and not of scores that were clipped."""
    return np.asarray(np.isneginf(lse2) | (np.abs(lse2) < np.finfo(lse2.dtype).max / 4))


def powers(exponents: Array, buffers: Buffers) -> Array:
    """2 ** exponents in place, and 0 where that is below the smallest normal number."""
    floor = int(np.finfo(exponents.dtype).minexp)
    if np.minimum.reduce(exponents, axis=None) >= floor:
        return np.exp2(exponents, out=exponents)
    normal = np.greater_equal(exponents, floor, out=buffers("normal", exponents.shape, bool))
    np.clip(exponents, floor, np.inf, out=exponents)
    np.exp2(exponents, out=exponents)
    return np.multiply(exponents, normal, out=exponents)


def thin(work: Work, rows: Rows, columns: slice, tile: Array) -> None:
    """tile * multipliers, in place."""
    by_member = rows.by_member(tile)
    for entry in rows.entries:
        by_member[entry.at] *= upright(work.slabs.multipliers(entry, rows.block.rows, columns))


def factor_of(softcap: float | None) -> float:
    """What the query is multiplied by besides scale: scores come to the base 2, or over the softcap."""
    return LOG2_E if softcap is None else 1 / softcap


def shift_of(top: Array) -> Array:
    """What rows are shifted by: nothing, where there is no finite number."""
    return np.where(np.isfinite(top), top, 0)


def by_row(of_heads: Array, block: Block) -> Array:
    """A number of each head, (N, n), for each row of a block, (slabs, members * rows)."""
    return np.repeat(of_heads[block[:2]], block.rows.stop - block.rows.start, axis=-1)
