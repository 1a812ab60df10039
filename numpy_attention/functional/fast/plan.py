"""The partition of `fast_attention`'s work: blocks of rows, chunks of blocks, tile sizes, number of threads.

Whatever decides how numbers are added is a function of shapes, of `block` and of the kind of mask, so that
no bit depends on `threads`.
"""

from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..tiled.tiling import TiledArguments, slices
from .kernels import Workload
from .stack import HeadStack, RowBlock, stack_heads
from .visibility import TRIANGLE

SIDE = 512
"""Most rows and columns of a tile. Larger ones leave the cache of a core."""

EDGE_ROWS = 256
"""Most rows of a tile under a mask, so that tiles follow its edges, and of a tile of few heads."""

STACK = 2**18
"""Scores of a unit: smaller heads are stacked up to it. On fewer scores, NumPy's calls are so short that
threads wait for Python's lock."""

WORTH_THREADS = 2**24
"""Operations from which several threads pay off, about half a millisecond."""

PARTIAL = 2**22
"""Most numbers in the partial gradients of keys and values that a long head's parts add up at the end."""


class FastSettings(NamedTuple):
    """Largest tile (rows, columns) and number of threads, None for the default; bytes that may be kept."""

    block: tuple[int, int] | None
    threads: int | None
    keep: int = 0


class Chunk(NamedTuple):
    """Blocks of the same groups, one thread's unit; `whole` if they are all the blocks of these groups."""

    blocks: list[RowBlock]
    whole: bool


def operations(stack: HeadStack) -> int:
    """Operations of a forward, counting an exponential as 64."""
    N, n, L, D = stack.query.shape
    return int(N * n * L * stack.key.shape[1] * (D + stack.value.shape[-1] + 64))


def partition(work: Workload, settings: FastSettings) -> list[RowBlock]:
    """Blocks of rows of one query head, of several heads, or of several groups where those are small."""
    stack = work.stack
    N, n, L, _ = stack.query.shape
    rows = min(L, work.rows)
    if settings.block is None:
        while rows > EDGE_ROWS and N * n * -(-L // rows) < 8:
            rows = -(-rows // 2)
    halved = work.diagonal is not None
    members = min(n, max(1, work.rows // rows)) if rows == L and not halved else 1
    least = 2 if operations(stack) >= WORTH_THREADS else 1
    heads = STACK // (n * L * stack.key.shape[1])
    groups = max(1, min(heads, -(-N // least)))
    row_slices = list(_powers_of_two(L, rows) if halved else slices(L, rows))
    return [RowBlock(g, m, r) for g in slices(N, groups) for m in slices(n, members) for r in row_slices]


def _powers_of_two(length: int, most: int) -> list[slice]:
    """range(length) in slices of 64 * 2**k, which halve down to triangles; the last is the rest below 64."""
    parts, start = [], 0
    while start < length:
        size = TRIANGLE
        while 2 * size <= min(most, length - start):
            size *= 2
        size = min(size, length - start)
        parts.append(slice(start, start + size))
        start += size
    return parts


def backward_chunks(blocks: list[RowBlock], stack: HeadStack) -> list[Chunk]:
    """Units of the backward: all blocks of the same groups, or parts of them if that makes fewer than 8."""
    by_groups: dict[int, list[RowBlock]] = {}
    for block in blocks:
        by_groups.setdefault(block.groups.start, []).append(block)
    N, n, L, _ = stack.query.shape
    S, width = stack.key.shape[1], stack.key.shape[-1] + stack.value.shape[-1]
    scores = N * n * L * S // len(by_groups)
    most = min(-(-8 // len(by_groups)), 2 * scores // STACK, max(2, 1 + PARTIAL // (S * width)))
    chunks = []
    for own in by_groups.values():
        parts = max(1, min(most, len(own)))
        # 0 1 1 0 0 1 …: under a causal mask later blocks are more work
        turns = [min(i % (2 * parts), 2 * parts - 1 - i % (2 * parts)) for i in range(len(own))]
        for part in range(parts):
            of_part = [block for block, turn in zip(own, turns, strict=True) if turn == part]
            chunks.append(Chunk(of_part, parts == 1))
    return chunks


def number_of(scale: float | Array) -> float | Array:
    """The scale as a Python number, if it is one number."""
    return float(scale.item()) if isinstance(scale, np.ndarray) and scale.size == 1 else scale


def workload_of(problem: TiledArguments, settings: FastSettings) -> Workload:
    """The stacked arguments and what follows from them, with empty caches."""
    stack = stack_heads(problem)
    scale: Any = number_of(problem.scale)
    if isinstance(scale, np.ndarray):
        scale = stack.stacked(np.broadcast_to(scale, (*problem.shape[:-1], 1)))
    N, n, L, D = stack.query.shape
    uniform = stack.uniform
    diagonal = None
    alike = uniform and problem.dropout is None  # multipliers are drawn for tiles of all rows of a block
    if problem.mask is not None and alike and settings.block is None and (L >= SIDE or L % TRIANGLE == 0):
        diagonal = problem.mask.diagonal(*problem.shape[-2:])
    if settings.block is not None:
        rows, columns = settings.block
    else:
        rows = SIDE if problem.mask is None or diagonal is not None else EDGE_ROWS
        columns = SIDE * max(1, rows // L)
    return Workload(stack, scale, rows, columns, uniform, diagonal, n * L < D, {}, {})
