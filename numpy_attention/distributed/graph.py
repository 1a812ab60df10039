"""The graph: tiles in chains of `split_every`, chains joined in trees, and dask arrays of what comes out.

    row 0   tile ─ tile ─ tile ─ tile ┐
            tile ─ tile ─ tile ─ tile ┴ merge …           one chain hands on what it has so far

A tile adds to the result of the one before it in its chain: fewer results wait in memory, and there are fewer
tasks, than in a tree of all tiles. What is added to what depends on the chunks and `split_every` alone, and
with it every bit.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from .engine import require
from .layout import ChunkedCall, Operand, Place, regions
from .regions import DropoutIn, bias_in, mask_in
from .tiles import TileOptions

Key = tuple[Any, ...]
Tasks = dict[Key, Any]


def visible_tiles(call: ChunkedCall, names: tuple[str, ...]) -> Iterator[tuple[Place, TileOptions]]:
    """Every tile that is not fully masked, row by row, with its options."""
    heads = len(call.shape) > 2
    for tile, region in regions(call):
        mask = None
        if call.mask is not None:
            mask = mask_in(call.mask, region)
            L, S = region.shape[-2:]
            visible = mask.tile(slice(0, L), slice(0, S), L, S, heads=heads)
            if visible is False:
                continue
            mask = None if visible is True else mask
        bias = None if call.bias is None else bias_in(call.bias, region)
        dropout = None if call.dropout is None else DropoutIn(call.dropout, region)
        yield tile, TileOptions(names, mask, bias, call.softcap, dropout, call.block, call.threads)


class Chains:
    """Tiles that add to one result: which tile each of them follows, and the last of every chain."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.ends: dict[Place, list[Key]] = {}
        self.steps: dict[Place, int] = {}

    def follow(self, place: Place, tile: Key) -> Key | None:
        """The tile before this one in the chain at a place; None at the start of a chain."""
        step = self.steps.get(place, 0)
        self.steps[place] = step + 1
        ends = self.ends.setdefault(place, [])
        if step % self.length == 0:
            ends.append(tile)
            return None
        before, ends[-1] = ends[-1], tile
        return before


def tree(
    tasks: Tasks, name: str, place: Place, keys: list[Key], width: int, join: tuple[Any, ...],
    first: tuple[Any, ...] | None = None,
) -> Key | None:  # fmt: skip
    """The key of the join of all keys, `width` at a time, each by a task (*join, keys).

    The lowest tasks are (*first, keys) if `first` is given, even for a single key.
    """
    level = 0
    while len(keys) > 1 or (keys and first):
        task, joined = first or join, []
        for n in range(0, len(keys), width):
            key = (f"{name}-{level}", *place, n // width)
            tasks[key] = (*task, keys[n : n + width])
            joined.append(key)
        keys, level, first = joined, level + 1, None
    return keys[0] if keys else None


def new_name(what: str) -> str:
    """A name for the tasks of one call."""
    return f"{what}-{uuid4().hex}"


class GraphLayer(NamedTuple):
    """The tasks of a call, and the arrays that they read."""

    name: str
    tasks: Tasks
    arrays: list[Any]

    def graph(self) -> Any:
        """The layer on top of those of its arrays."""
        return require("dask.highlevelgraph").HighLevelGraph.from_collections(
            self.name, self.tasks, dependencies=self.arrays
        )


def array_of(graph: Any, below: str, name: str, tasks: Tasks, chunks: Any, dtype: Any) -> Any:
    """The dask array of tasks that read the layer `below`."""
    HighLevelGraph = require("dask.highlevelgraph").HighLevelGraph
    own = HighLevelGraph({**graph.layers, name: tasks}, {**graph.dependencies, name: {below}})
    return require("dask.array").Array(
        own, name, chunks, dtype=dtype, meta=np.empty((0,) * len(chunks), dtype)
    )


def keys_of(operands: dict[str, Operand], names: tuple[str, ...], tile: Place) -> list[Key]:
    """The keys of the chunks that a tile reads."""
    return [operands[name].key(tile) for name in names]


def row_shape(call: ChunkedCall, place: Place, width: int) -> tuple[int, ...]:
    """The shape of out at a chunk of rows."""
    return (*(lengths[n] for lengths, n in zip(call.chunks[:-1], place, strict=True)), width)
