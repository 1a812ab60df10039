"""How the work of `fast_attention` is cut: which rows one worker takes at a time, and how large a tile is."""

from typing import Any, NamedTuple

import numpy as np

from ..tiled.tiling import Tiled, slices
from .backward import Chunk
from .kernels import Work
from .stack import Block, Slabs, slabs

SIDE = 1024
"""Rows and columns of a tile. Larger ones change nothing on one core, but the more is done at one call of
NumPy, the less often threads wait for Python's lock."""

EDGE_ROWS, EDGE_COLUMNS = 256, 512
"""Likewise where a mask has edges, which smaller tiles follow more closely."""


class How(NamedTuple):
    """How the work is done: the most rows and columns of a tile, and threads; None for what suits."""

    block: tuple[int, int] | None
    threads: int | None


def cut(stack: Slabs, how: How) -> list[Block]:
    """Blocks of rows: of one query head, of several, or of several slabs where those are small.

    The cut depends on the problem alone, and with it every bit of the result; not on the threads.
    """
    N, n, L, _ = stack.query.shape
    most, columns = sides(stack.problem, how)
    rows = min(L, most)
    while rows > EDGE_ROWS and N * n * -(-L // rows) < 8:
        rows = -(-rows // 2)
    members = min(n, max(1, most // rows)) if rows == L else 1
    tile = rows * members * min(len(stack.key[0]), columns)
    together = max(1, min(EDGE_COLUMNS**2 // tile, -(-N // 2)))
    return [Block(s, m, r) for s in slices(N, together) for m in slices(n, members) for r in slices(L, rows)]


def chunks(blocks: list[Block]) -> list[Chunk]:
    """What a worker adds up: all blocks of a stack of slabs, or part of them where stacks are few."""
    stacks: dict[int, list[Block]] = {}
    for block in blocks:
        stacks.setdefault(block.slabs.start, []).append(block)
    parts = -(-8 // len(stacks))
    return [
        Chunk(stack[some], whole=len(stack[some]) == len(stack))
        for stack in stacks.values()
        for some in slices(len(stack), -(-len(stack) // parts))
    ]


def sides(problem: Tiled, how: How) -> tuple[int, int]:
    """The most rows and columns of a tile: the fewer rows there are, the more columns."""
    if how.block is not None:
        return how.block
    rows, columns = (SIDE, SIDE) if problem.mask is None else (EDGE_ROWS, EDGE_COLUMNS)
    return rows, columns * max(1, rows // problem.shape[-2])


def work_of(problem: Tiled, how: How) -> Work:
    """The arguments stacked, with what tiles ask of them."""
    stack, columns = slabs(problem), sides(problem, how)[1]
    scale: Any = problem.scale
    if isinstance(scale, np.ndarray):
        scale = stack.stacked(np.broadcast_to(scale, (*problem.shape[:-1], 1)))
    _, n, L, D = stack.query.shape
    return Work(stack, scale, columns, stack.alike, n * L < D, {}, {})
