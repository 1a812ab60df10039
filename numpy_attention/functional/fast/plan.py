"""The partition of `fast_attention`'s work: blocks of rows, chunks of blocks, and tile sizes."""

from typing import Any, NamedTuple

import numpy as np

from ..tiled.tiling import TiledArguments, slices
from .backward import Chunk
from .kernels import Workload
from .stack import HeadStack, RowBlock, stack_heads

SIDE = 1024
"""Rows and columns of a tile. Larger tiles gain nothing on one core, but larger NumPy calls make threads
wait less often for Python's lock."""

EDGE_ROWS, EDGE_COLUMNS = 256, 512
"""Tile size under a mask: smaller tiles follow its edges more closely."""


class FastSettings(NamedTuple):
    """Largest tile (rows, columns) and number of threads; None for the default."""

    block: tuple[int, int] | None
    threads: int | None


def partition(stack: HeadStack, settings: FastSettings) -> list[RowBlock]:
    """Blocks of rows of one query head, of several heads, or of several groups where those are small.

    The partition, and with it every bit of the result, depends on shapes, on `block` and on whether there
    is a mask; never on the number of threads.
    """
    N, n, L, _ = stack.query.shape
    most, columns = largest_tile(stack.problem, settings)
    rows = min(L, most)
    while rows > EDGE_ROWS and N * n * -(-L // rows) < 8:
        rows = -(-rows // 2)
    members = min(n, max(1, most // rows)) if rows == L else 1
    tile = rows * members * min(len(stack.key[0]), columns)
    groups = max(1, min(EDGE_COLUMNS**2 // tile, -(-N // 2)))
    return [RowBlock(g, m, r) for g in slices(N, groups) for m in slices(n, members) for r in slices(L, rows)]


def backward_chunks(blocks: list[RowBlock]) -> list[Chunk]:
    """Units of the backward: all blocks of the same groups, or parts of them if that makes fewer than 8."""
    by_groups: dict[int, list[RowBlock]] = {}
    for block in blocks:
        by_groups.setdefault(block.groups.start, []).append(block)
    parts = -(-8 // len(by_groups))
    return [
        Chunk(own[some], whole=len(own[some]) == len(own))
        for own in by_groups.values()
        for some in slices(len(own), -(-len(own) // parts))
    ]


def largest_tile(problem: TiledArguments, settings: FastSettings) -> tuple[int, int]:
    """The largest (rows, columns) of a tile; fewer rows allow more columns."""
    if settings.block is not None:
        return settings.block
    rows, columns = (SIDE, SIDE) if problem.mask is None else (EDGE_ROWS, EDGE_COLUMNS)
    return rows, columns * max(1, rows // problem.shape[-2])


def workload_of(problem: TiledArguments, settings: FastSettings) -> Workload:
    """The stacked arguments, with empty caches."""
    stack, columns = stack_heads(problem), largest_tile(problem, settings)[1]
    scale: Any = problem.scale
    if isinstance(scale, np.ndarray):
        scale = stack.stacked(np.broadcast_to(scale, (*problem.shape[:-1], 1)))
    _, n, L, D = stack.query.shape
    return Workload(stack, scale, columns, stack.uniform, n * L < D, {}, {})
