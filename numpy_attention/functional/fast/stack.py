"""Attention's arguments as one stack of groups: all batch axes and key heads on one axis.

A group is one key head of one batch entry with the n = H / G query heads that read it, its members.

    query (N, n, L, D)   key (N, S, D)   value (N, S, E)   N = all batch axes * G
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..base.admission import Array
from ..base.arrays import cast_optional, shape_repr
from ..masks.mask import Mask, batch_entry
from ..tiled.tiling import TiledArguments, tile_view

ALL = slice(None)


class RowBlock(NamedTuple):
    """One worker's unit of work: slices of groups, of their query heads and of query positions."""

    groups: slice
    members: slice
    rows: slice


class HeadOptions(NamedTuple):
    """Mask, bias and dropout of one query head of a block, or of all heads where they are equal.

    `at` indexes a tile of the block's scores (groups, columns, members, rows); `batch_index` (..., H) is the
    head's.
    """

    at: tuple[slice, slice, slice, slice]
    batch_index: tuple[int, ...]
    mask: Mask | None
    bias: Array | Bias | None
    dropout: Array | Dropout | None


@shape_repr
class HeadStack(NamedTuple):
    """The stacked arguments and the arguments they come from. Only broadcast inputs are copied."""

    query: Array
    key: Array
    value: Array
    problem: TiledArguments

    def stacked(self, rows: Array) -> Array:
        """(..., H, L, X) as (N, n, L, X)."""
        return rows.reshape(*self.query.shape[:2], *rows.shape[-2:])

    def unstacked(self, rows: Array) -> Array:
        """Undo `stacked`."""
        return rows.reshape(*self.problem.shape[:-1], rows.shape[-1])

    def keys_unstacked(self, rows: Array) -> Array:
        """(N, S, X) as (..., G, S, X)."""
        shape = self.problem.shape
        if len(shape) == 2:
            return np.asarray(rows[0])
        return np.asarray(rows.reshape(*shape[:-3], -1, *rows.shape[-2:]))

    @property
    def uniform(self) -> bool:
        """True where all heads share one mask, there is no bias, and no array of dropout multipliers."""
        mask, bias, dropout, shape = self._options()
        one_mask = mask is None or math.prod(mask.batch_shape(len(shape) > 2)) == 1
        return one_mask and bias is None and not isinstance(dropout, np.ndarray)

    def head_options(self, block: RowBlock) -> list[HeadOptions]:
        """The options of each query head of a block; one entry for all heads if `uniform`."""
        mask, _, dropout, shape = self._options()
        heads = len(shape) > 2
        if self.uniform:
            index = (0,) * (len(shape) - 2)
            shared = None if mask is None else mask.entry(index, heads)
            return [HeadOptions((ALL,) * 4, index, shared, None, dropout)]
        return list(self._each_head(block))

    def _options(self) -> tuple[Any, Any, Any, tuple[int, ...]]:
        problem = self.problem
        return problem.mask, problem.bias, problem.dropout, problem.shape

    def _each_head(self, block: RowBlock) -> Iterator[HeadOptions]:
        mask, bias, dropout, shape = self._options()
        heads, n = len(shape) > 2, self.query.shape[1]
        for i, group in enumerate(range(block.groups.start, block.groups.stop)):
            for j, member in enumerate(range(block.members.start, block.members.stop)):
                number = group * n + member
                index = tuple(int(x) for x in np.unravel_index(number, shape[:-2])) if heads else ()
                yield HeadOptions(
                    (slice(i, i + 1), ALL, slice(j, j + 1), ALL),
                    index,
                    None if mask is None else mask.entry(index, heads),
                    bias.entry(index) if isinstance(bias, Bias) else _head_entry(bias, index),
                    dropout if isinstance(dropout, Dropout) else _head_entry(dropout, index),
                )

    def bias_tile(self, head: HeadOptions, rows: slice, columns: slice) -> Array:
        """One head's bias, (r, c)."""
        if isinstance(head.bias, Bias):
            return cast_optional(head.bias.tile(rows, columns, *self.problem.shape[-2:]), self.query)
        assert head.bias is not None
        return tile_view(head.bias, rows, columns)

    def drawn(self, dropout: Dropout, block: RowBlock, columns: slice) -> Array:
        """The multipliers of all heads of a block, (groups, members, r, c)."""
        N, n = self.query.shape[:2]
        heads = np.arange(N * n, dtype=np.uint64).reshape(N, n, 1, 1)[block.groups, block.members]
        drawn = dropout.tile_of_entries(heads, block.rows, columns, *self.problem.shape[-2:])
        return cast_optional(drawn, self.query)

    def multipliers(self, head: HeadOptions, rows: slice, columns: slice) -> Array:
        """One head's dropout multipliers as they were given, (r, c)."""
        assert isinstance(head.dropout, np.ndarray)
        return tile_view(head.dropout, rows, columns)


def _head_entry(array: Any, index: tuple[int, ...]) -> Any:
    return None if array is None else batch_entry(array, index, 2)


def stack_heads(problem: TiledArguments) -> HeadStack:
    """The arguments, none of whose axes is empty, as a stack of groups."""
    batch = problem.shape[:-3]

    def keys(x: Array) -> Array:
        whole = x.ndim == 2 or x.shape[:-3] == batch
        return (x if whole else np.broadcast_to(x, (*batch, *x.shape[-3:]))).reshape(-1, *x.shape[-2:])

    key, value, query = keys(problem.key), keys(problem.value), problem.query
    members = math.prod(problem.shape[:-2]) // len(key)
    return HeadStack(query.reshape(len(key), members, *query.shape[-2:]), key, value, problem)
