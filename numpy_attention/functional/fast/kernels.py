"""Operations on one tile of scores in `fast_attention`, in reused buffers.

The mathematics is that of `blockwise_attention`. The differences (`benchmarks/profile.md` measures them):

  1  Tiles are transposed, scoresᵀ (columns, rows): maximum, sum and shift of a row then run along NumPy's
     long contiguous axis. Queries and d_out are transposed once, so that no product of a tile has to.
  2  Exponentials are to the base 2 where NumPy vectorises exp2 (with AVX-512), log2(e) being multiplied into
     the query: there exp2 is faster than exp, elsewhere three times slower.
  3  Row sums are a product with ones.
  4  Rows whose scores are all small are not shifted. Norms of query and key mostly suffice to prove it.
  5  Backward divides d_out by the row sums, E numbers a row, not the exponentials, S numbers a row.
  6  Where rows are shifted, subnormal powers are flushed to 0: they slow exp2 and products down 100 times.
  7  Hidden entries are zeroed by a bitwise and, after the exponential; -inf before it would slow exp2 down.
  8  Buffers are reused: the first use of new memory costs as much as the exponential.
  9  No row's largest exponential is looked for, only that of the tile: it mostly proves that no row has a
     peak (see `PEAK`).

**What is left unshifted.** In a row whose visible scores s, to the base 2, are at most 30 in size, p = 2**s
and the sum z of n of them need no shift: 2**-30 <= p <= 2**30 and 2**-30 <= z <= n 2**30. Float32's normal
numbers go from 2**-126 to 2**128, so its products stay normal if

    forward    out = Σ p v / z               2**-96 <= |v| <= 2**97 / n
    backward   d = d_out / z, then Σ p d     2**-96 n <= |d_out| <= 2**97

Values are not checked themselves, because hidden ones must have no influence. Instead a row is out of range
if an entry of out, which is a weighted mean of visible values, is below 2**-90, an entry of d is below
2**-120, or either is infinite. `blockwise_attention` computes these rows, with exponentials of at most 1.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..attention.dropout import Dropout
from ..base.admission import Array
from ..base.arrays import norms, shape_repr, transposed
from ..base.stable import finite_shift
from ..base.workers import Buffers
from .stack import HeadOptions, HeadStack, RowBlock
from .tile import Tile

_FOUND = np.show_config(mode="dicts")["SIMD Extensions"]
BASE_2 = bool({"AVX512_SKX", "X86_V4"} & {*_FOUND.get("found", ()), *_FOUND["baseline"]})

power: np.ufunc = np.exp2 if BASE_2 else np.exp
UNIT = 1 / math.log(2) if BASE_2 else 1.0
"""exp(x) is power(x * UNIT). Scores times UNIT are called scores in units."""

SMALL = 30 * math.log(2) * UNIT
"""Scores in units of at most this size need no shift."""


PEAK = 15 / 16
"""A weight above this is a peak. Below, 1 - weight is at least 1/16, and d_scores there lose four bits."""


@shape_repr
class Workload(NamedTuple):
    """Inputs and caches shared by all blocks. scale is a number or (N, n, L, 1).

    rows, columns: the largest tile. uniform: all heads share one mask, with neither bias nor multipliers.
    diagonal: `Mask.diagonal` where the diagonal is cut into triangles and squares. few_rows: so few rows
    read a key that reading their scores is cheaper than its norm. mask_cache: tiles under a shared mask.
    key_norms: `largest_key_norm` by the first of a block's groups.
    """

    stack: HeadStack
    scale: Any
    rows: int
    columns: int
    uniform: bool
    diagonal: int | None
    few_rows: bool
    mask_cache: dict[tuple[int, int], Any]
    key_norms: dict[int, float]

    @property
    def masked(self) -> bool:
        """True where some pair may be hidden."""
        return self.stack.problem.mask is not None or isinstance(self.stack.problem.bias, np.ndarray)

    def scale_of(self, block: RowBlock) -> Any:
        """The scale of a block's rows: a number or (groups, members * rows, 1)."""
        if isinstance(self.scale, float):
            return self.scale
        rows = self.scale[block]
        return rows.reshape(len(rows), -1, 1)


@shape_repr
class RowStatistics(NamedTuple):
    """Forward's softmax of each row, (N, n, L) or (..., H, L), in units.

    shift is subtracted from the scores; summed = Σ power(score - shift); no weight is above `largest`.
    """

    shift: Array
    summed: Array
    largest: Array

    def reshaped(self, *shape: int) -> "RowStatistics":
        """The same in another shape."""
        return RowStatistics(*(x.reshape(shape) for x in self))

    def lse(self) -> Array:
        """log(Σ exp(score)), not in units."""
        return np.asarray(np.log(self.summed) + finite_shift(self.shift) * self.shift.dtype.type(1 / UNIT))


class QueryBlock(NamedTuple):
    """The scaled queries of a block, with a bound on their scores.

    scaled (groups, D, R) are transposed, R = members * rows. No score in units exceeds `bound` in size.
    overflows (groups, R) is True for rows that are not finite; None if all are.
    """

    block: RowBlock
    members: int
    scaled: Array
    bound: float
    overflows: Array | None
    heads: list[HeadOptions]


def rows_of(x: Array, block: RowBlock) -> Array:
    """The rows (N, n, L, X) of a block as (groups, R, X)."""
    own = x[block]
    return own.reshape(len(own), -1, x.shape[-1])


def unscaled_queries(work: Workload, block: RowBlock) -> QueryBlock:
    """A block's queries as they are, for tiles whose exponentials were kept."""
    members = block.members.stop - block.members.start
    query = rows_of(work.stack.query, block)
    return QueryBlock(block, members, transposed(query), math.inf, None, work.stack.head_options(block))


def scale_queries(work: Workload, block: RowBlock, buffers: Buffers) -> QueryBlock:
    """A block's queries multiplied by scale and `query_factor`, with the bound on their scores."""
    problem, queries = work.stack.problem, unscaled_queries(work, block)
    query, scale = queries.scaled, work.scale_of(block)
    factor = query_factor(problem.softcap)
    scale = scale * factor if isinstance(scale, float) else transposed(scale) * factor
    scaled = np.multiply(query, scale, out=buffers("scaled", query.shape, query.dtype))
    size = np.abs(scale if isinstance(scale, float) else scale[:, 0])
    largest = float((norms(transposed(query)) * size).max()) * (UNIT / factor)
    overflows = None if math.isfinite(largest) else np.asarray(~np.isfinite(scaled).all(axis=1))
    bound = largest * largest_key_norm(work, block)
    if problem.softcap is not None and not bound <= problem.softcap * UNIT:
        bound = problem.softcap * UNIT
    return queries._replace(scaled=scaled, bound=bound, overflows=overflows)


def largest_key_norm(work: Workload, block: RowBlock) -> float:
    """The largest norm of a block's keys, cached; inf if `few_rows`: scores are read instead."""
    if work.few_rows:
        return math.inf
    first = block.groups.start
    if first not in work.key_norms:
        work.key_norms[first] = float(norms(work.stack.key[block.groups]).max())
    return work.key_norms[first]


def scores_are_small(work: Workload, queries: QueryBlock) -> bool:
    """True where norms, or the softcap, prove that no score of a block, hidden or not, exceeds SMALL."""
    return work.stack.problem.bias is None and queries.bound < SMALL - 1


def tile_shape(queries: QueryBlock, tile: Tile) -> tuple[int, int, int, int]:
    """The shape of a tile's scores, (groups, pieces, columns, rows)."""
    rows = queries.scaled.shape[-1] if tile.rows is None else tile.rows.stop - tile.rows.start
    return len(queries.scaled), tile.pieces, tile.columns.stop - tile.columns.start, rows


def scores_in_units(
    work: Workload, queries: QueryBlock, tile: Tile, scores: Array, buffers: Buffers
) -> Array | None:
    """Steps 1 to 3 on a tile, in units, into `scores`. Returns the softcap's argument, if there is one."""
    key, softcap = work.stack.key[queries.block.groups], work.stack.problem.softcap
    np.matmul(tile.of_keys(key), tile.of_transposed(queries.scaled), out=scores)
    raw = None
    if softcap is not None:
        raw = buffers("raw", scores.shape, scores.dtype)
        np.copyto(raw, scores)
        np.tanh(raw, out=scores)
        np.multiply(scores, softcap * UNIT, out=scores)
    if work.stack.problem.bias is not None:
        by_member = tile.by_member(scores, queries.members)
        for head in queries.heads:
            bias = work.stack.bias_tile(head, queries.block.rows, tile.columns)
            by_member[head.at] += transposed_tile(to_units(bias))
    return raw


def transposed_tile(tile: Array) -> Array:
    """(r, c), or an array broadcasting to it, as (1, c, 1, r)."""
    tile = tile.reshape((1,) * (2 - tile.ndim) + tile.shape)
    return np.ascontiguousarray(tile.T)[None, :, None, :]


def to_units(x: Array) -> Array:
    """x * UNIT, finite for every finite x: some write the dtype's largest number for infinity."""
    most = np.finfo(x.dtype).max
    return np.where(np.isfinite(x), np.clip(x * x.dtype.type(UNIT), -most, most), x)


def in_range(lse: Array) -> Array:
    """True where lse is usable: -inf, or far from overflow, so that no score was clipped."""
    return np.asarray(np.isneginf(lse) | (np.abs(lse) < np.finfo(lse.dtype).max / 4))


def too_small(x: Array, exponent: int, buffers: Buffers) -> Array | None:
    """True for rows with an entry that is not 0 but below 2**(minexp + exponent); None if there is none."""
    size = np.abs(x, out=buffers("size", x.shape, x.dtype))
    least = 2.0 ** (int(np.finfo(x.dtype).minexp) + exponent)
    if not size.size or size.min() >= least:
        return None
    rows = np.asarray(((size < least) & (size > 0)).any(axis=-1))
    return rows if rows.any() else None


def flushed_power(exponents: Array, buffers: Buffers) -> Array:
    """The power of the exponents in place, with subnormal results flushed to 0."""
    floor = math.ceil(8 * int(np.finfo(exponents.dtype).minexp) * math.log(2) * UNIT - 1e-9) / 8
    if np.minimum.reduce(exponents, axis=None) >= floor:
        return np.asarray(power(exponents, out=exponents))
    normal = np.greater_equal(exponents, floor, out=buffers("normal", exponents.shape, bool))
    np.clip(exponents, floor, np.inf, out=exponents)
    power(exponents, out=exponents)
    return np.multiply(exponents, normal, out=exponents)


def apply_dropout(work: Workload, queries: QueryBlock, tile: Tile, *arrays: Array) -> None:
    """Each array * multipliers, in place."""
    all_by_member = [tile.by_member(array, queries.members) for array in arrays]
    if isinstance(dropout := work.stack.problem.dropout, Dropout):
        multipliers = work.stack.drawn(dropout, queries.block, tile.columns).transpose(0, 3, 1, 2)
        for by_member in all_by_member:
            by_member *= multipliers
        return
    for head in queries.heads:
        multipliers = transposed_tile(work.stack.multipliers(head, queries.block.rows, tile.columns))
        for by_member in all_by_member:
            by_member[head.at] *= multipliers


def query_factor(softcap: float | None) -> float:
    """Factor on the query besides scale: makes scores in units, or with a softcap scores / softcap."""
    return UNIT if softcap is None else 1 / softcap


def repeat_by_row(per_head: Array, block: RowBlock) -> Array:
    """A number per head, (N, n), repeated for each row of a block, (groups, members * rows)."""
    return np.repeat(per_head[block[:2]], block.rows.stop - block.rows.start, axis=-1)
