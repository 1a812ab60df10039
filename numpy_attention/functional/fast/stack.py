"""Attention's arguments as a stack of slabs: all batch axes and key heads on one axis.

A slab is one key head of one batch entry, with the n = H / G query heads that read it, its members.

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
from ..tiled.tiling import Tiled, part

ALL = slice(None)


class Block(NamedTuple):
    """Some rows of some query heads of some slabs: what one worker works on at a time."""

    slabs: slice
    members: slice
    rows: slice


class Entry(NamedTuple):
    """What options say of some query heads of a block: of all of them, where that is the same, or of one.

    `at` is where they stand in the block's scores (slabs, columns, members, rows).
    """

    at: tuple[slice, slice, slice, slice]
    place: tuple[int, ...]
    number: int
    mask: Mask | None
    bias: Array | Bias | None
    dropout: Array | Dropout | None


@shape_repr
class Slabs(NamedTuple):
    """The stack, and the arguments that it was made of. Only what was to be broadcast is copied."""

    query: Array
    key: Array
    value: Array
    problem: Tiled

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
    def alike(self) -> bool:
        """Whether one entry tells of all query heads: one mask for all, and nothing else to tell apart."""
        mask, bias, dropout, shape = self._options()
        one_mask = mask is None or math.prod(mask._batch(len(shape) > 2)) == 1
        return one_mask and bias is None and dropout is None

    def entries(self, block: Block) -> list[Entry]:
        """The options of a block, query head by query head, unless there is nothing to tell apart."""
        mask, _, _, shape = self._options()
        heads = len(shape) > 2
        if self.alike:
            index = (0,) * (len(shape) - 2)
            whole = None if mask is None else mask.entry(index, heads)
            return [Entry((ALL,) * 4, index, 0, whole, None, None)]
        return list(self._one_by_one(block))

    def _options(self) -> tuple[Any, Any, Any, tuple[int, ...]]:
        problem = self.problem
        return problem.mask, problem.bias, problem.dropout, problem.shape

    def _one_by_one(self, block: Block) -> Iterator[Entry]:
        mask, bias, dropout, shape = self._options()
        heads, n = len(shape) > 2, self.query.shape[1]
        for i, slab in enumerate(range(block.slabs.start, block.slabs.stop)):
            for j, member in enumerate(range(block.members.start, block.members.stop)):
                number = slab * n + member
                index = tuple(int(x) for x in np.unravel_index(number, shape[:-2])) if heads else ()
                yield Entry(
                    (slice(i, i + 1), ALL, slice(j, j + 1), ALL),
                    index,
                    number,
                    None if mask is None else mask.entry(index, heads),
                    bias.entry(index) if isinstance(bias, Bias) else _one(bias, index),
                    dropout if isinstance(dropout, Dropout) else _one(dropout, index),
                )

    def bias_tile(self, entry: Entry, rows: slice, columns: slice) -> Array:
        """An entry's bias, (r, c)."""
        if isinstance(entry.bias, Bias):
            return cast_optional(entry.bias.tile(rows, columns, *self.problem.shape[-2:]), self.query)
        assert entry.bias is not None
        return part(entry.bias, rows, columns)

    def multipliers(self, entry: Entry, rows: slice, columns: slice) -> Array:
        """An entry's multipliers of dropout, (r, c)."""
        if isinstance(entry.dropout, Dropout):
            number = np.full((1, 1), entry.number, dtype=np.uint64)
            return cast_optional(
                entry.dropout.tile_of(number, rows, columns, *self.problem.shape[-2:]), self.query
            )
        assert entry.dropout is not None
        return part(entry.dropout, rows, columns)


def _one(array: Any, index: tuple[int, ...]) -> Any:
    return None if array is None else batch_entry(array, index, 2)


def slabs(problem: Tiled) -> Slabs:
    """The arguments, stacked; none of their lengths is 0."""
    batch = problem.shape[:-3]

    def keys(x: Array) -> Array:
        return (x if x.ndim == 2 else np.broadcast_to(x, (*batch, *x.shape[-3:]))).reshape(-1, *x.shape[-2:])

    key, value, query = keys(problem.key), keys(problem.value), problem.query
    members = math.prod(problem.shape[:-2]) // len(key)
    return Slabs(query.reshape(len(key), members, *query.shape[-2:]), key, value, problem)
