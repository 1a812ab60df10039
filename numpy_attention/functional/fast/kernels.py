"""Operations on one tile of scores in `fast_attention`, in reused buffers.

The mathematics is that of `blockwise_attention`. The differences, with their gain for D = E = 64, tiles of
1024 x 1024 float32 and one core of an Intel Xeon with AVX-512, in nanoseconds per score, where a matrix
product costs 1.4 (`benchmarks/profile.md`):

  1  Tiles are transposed, scoresᵀ (columns, rows): maximum, sum and shift of a row then run along NumPy's
     long contiguous axis. Maximum 0.25 for 0.31, subtraction 0.26 for 0.36.
  2  Exponentials are to the base 2, log2(e) being multiplied into the query: exp2 0.33 for exp 0.59.
  3  Row sums are a product with ones: 0.27 for 0.61.
  4  Rows whose scores are all small are not shifted, which saves 0.32 forward and backward. Norms of query
     and key mostly suffice to prove it; reading the scores costs 0.71.
  5  Backward divides d_out by the row sums, D numbers a row, not the exponentials, S numbers a row.
  6  Where rows are shifted, subnormal powers are flushed to 0, which costs 1.0 more where there are any:
     they slow exp2 down 300 times, and products 100 times.
  7  Hidden entries are zeroed by a bitwise and, after the exponential: 0.54. As -inf before it, they cost
     0.56, and exp2 1.9 for 0.53.
  8  Buffers are reused: exp2 into new memory is 0.55 for 0.33.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..base.arrays import norms, shape_repr
from ..base.stable import finite_shift
from ..base.workers import Buffers
from .stack import HeadOptions, HeadStack, RowBlock

LOG2_E = 1 / math.log(2)

SMALL = 30
"""Base-2 exponents of at most this size need no shift: neither a power nor a sum of 2**60 of them overflows
float32. Their products with values and cotangents may; `blockwise_attention` then takes over."""


@shape_repr
class Workload(NamedTuple):
    """Inputs and caches shared by all blocks. scale is a number or (N, n, L, 1); columns is a tile's width.

    uniform: one mask for all heads and batch entries, whose tiles are then cached in `mask_cache`.
    few_rows: so few rows read a key that reading their scores is cheaper than its norm.
    key_norms: `largest_key_norms` by the first of a block's groups.
    """

    stack: HeadStack
    scale: Any
    columns: int
    uniform: bool
    few_rows: bool
    mask_cache: dict[tuple[int, int], Any]
    key_norms: dict[int, Array]

    def scale_of(self, block: RowBlock) -> Any:
        """The scale of a block's rows."""
        return self.scale if isinstance(self.scale, float) else self.scale[block]


@shape_repr
class RowStatistics(NamedTuple):
    """Forward's softmax of each row, (N, n, L) or (..., H, L), to the base 2.

    shift is subtracted from the scores; summed = Σ 2**(score - shift); largest is the largest weight.
    """

    shift: Array
    summed: Array
    largest: Array

    def reshaped(self, *shape: int) -> "RowStatistics":
        """The same in another shape."""
        return RowStatistics(*(x.reshape(shape) for x in self))

    def lse2(self) -> Array:
        """lse to the base 2."""
        return np.asarray(np.log2(self.summed) + finite_shift(self.shift))


class QueryBlock(NamedTuple):
    """The scaled queries of a block, with bounds on their scores.

    query (groups, members * rows, D) is contiguous. query_norm is its largest row norm, key_norms (tiles,)
    the largest of each tile's keys: no base-2 score exceeds their product.
    """

    block: RowBlock
    query: Array
    query_norm: float
    key_norms: Array
    heads: list[HeadOptions]

    def by_member(self, tile: Array) -> Array:
        """A view of a tile (groups, columns, members * rows) as (groups, columns, members, rows)."""
        return tile.reshape(*tile.shape[:2], self.block.members.stop - self.block.members.start, -1)


def scale_queries(work: Workload, block: RowBlock, buffers: Buffers) -> QueryBlock:
    """A block's queries multiplied by scale and `query_factor`, with the bounds on their scores."""
    factor, rows = query_factor(work.stack.problem.softcap), work.stack.query[block]
    query = buffers("query", rows.shape, rows.dtype)
    np.multiply(rows, work.scale_of(block) * factor, out=query)
    query = query.reshape(len(query), -1, query.shape[-1])
    norm = norms(query).max() * (LOG2_E / factor)
    return QueryBlock(
        block, query, float(norm), largest_key_norms(work, block), work.stack.head_options(block)
    )


def largest_key_norms(work: Workload, block: RowBlock) -> Array:
    """The largest norm of each tile's keys, (tiles,), cached; inf if `few_rows`: scores are read instead."""
    first = block.groups.start
    if first not in work.key_norms:
        starts = range(0, work.stack.key.shape[-2], work.columns)
        if work.few_rows:
            largest = np.full(len(starts), np.inf)
        else:
            largest = np.maximum.reduceat(norms(work.stack.key[block.groups]).max(axis=0), starts)
        work.key_norms[first] = largest
    return work.key_norms[first]


def scores_are_small(work: Workload, queries: QueryBlock, columns: slice) -> bool:
    """True where norms, or the softcap, prove that no score of a tile, hidden or not, exceeds SMALL."""
    softcap = math.inf if work.stack.problem.softcap is None else work.stack.problem.softcap * LOG2_E
    bound = min(softcap, queries.query_norm * queries.key_norms[columns.start // work.columns])
    return work.stack.problem.bias is None and bool(bound < SMALL - 1)


def transposed_tile(tile: Array) -> Array:
    """(r, c), or an array broadcasting to it, as (1, c, 1, r)."""
    tile = tile.reshape((1,) * (2 - tile.ndim) + tile.shape)
    return np.ascontiguousarray(tile.T)[None, :, None, :]


def apply_softcap(scores: Array, softcap: float, buffers: Buffers) -> Array:
    """Step 2 in place: scores / softcap become capped scores to the base 2. Returns a copy of the input."""
    raw = buffers("raw", scores.shape, scores.dtype)
    np.copyto(raw, scores)
    np.tanh(raw, out=scores)
    np.multiply(scores, softcap * LOG2_E, out=scores)
    return raw


def add_bias(work: Workload, queries: QueryBlock, columns: slice, scores: Array) -> None:
    """Step 3 on base-2 scores, in place."""
    tile = queries.by_member(scores)
    for head in queries.heads:
        bias = work.stack.bias_tile(head, queries.block.rows, columns)
        tile[head.at] += transposed_tile(to_base_2(bias))


def to_base_2(x: Array) -> Array:
    """x * log2(e), finite for every finite x: some write the dtype's largest number for infinity."""
    most = np.finfo(x.dtype).max
    return np.where(np.isfinite(x), np.clip(x * x.dtype.type(LOG2_E), -most, most), x)


def in_range(lse2: Array) -> Array:
    """True where lse2 is usable: -inf, or far from overflow, so that no score was clipped."""
    return np.asarray(np.isneginf(lse2) | (np.abs(lse2) < np.finfo(lse2.dtype).max / 4))


def flushed_exp2(exponents: Array, buffers: Buffers) -> Array:
    """2 ** exponents in place, with subnormal results flushed to 0."""
    floor = int(np.finfo(exponents.dtype).minexp)
    if np.minimum.reduce(exponents, axis=None) >= floor:
        return np.exp2(exponents, out=exponents)
    normal = np.greater_equal(exponents, floor, out=buffers("normal", exponents.shape, bool))
    np.clip(exponents, floor, np.inf, out=exponents)
    np.exp2(exponents, out=exponents)
    return np.multiply(exponents, normal, out=exponents)


def apply_dropout(work: Workload, queries: QueryBlock, columns: slice, tile: Array) -> None:
    """tile * multipliers, in place."""
    by_member = queries.by_member(tile)
    for head in queries.heads:
        by_member[head.at] *= transposed_tile(work.stack.multipliers(head, queries.block.rows, columns))


def query_factor(softcap: float | None) -> float:
    """Factor on the query besides scale: makes scores base 2, or with a softcap scores / softcap."""
    return LOG2_E if softcap is None else 1 / softcap


def repeat_by_row(per_head: Array, block: RowBlock) -> Array:
    """A number per head, (N, n), repeated for each row of a block, (groups, members * rows)."""
    return np.repeat(per_head[block[:2]], block.rows.stop - block.rows.start, axis=-1)
