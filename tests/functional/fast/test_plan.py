"""The partition of the work: every row once, as a function of shapes alone."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast.plan import (
    EDGE_ROWS,
    PARTIAL,
    SIDE,
    STACK,
    FastSettings,
    backward_chunks,
    operations,
    partition,
    workload_of,
)
from tests.support.fast_problems import problem_of

DEFAULT = FastSettings(None, None)
SHAPES = {
    "heads": (6, 700, 5), "long": (3, 2500, 1), "small": (3, 5, 6, 37, 2), "one head": (7, 3),
    "many": (63, 40, 8),
}  # fmt: skip
MASKS = [None, na.causal("top_left"), na.window(3, 3)]


def work_of(shape, settings=DEFAULT, fill=0.0, **options):
    query = np.full(shape, fill)
    key = query[..., : max(1, shape[-3] // 3), :, :] if len(shape) > 2 else query
    return workload_of(problem_of(query, key, key, **options), settings)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mask", MASKS)
def test_every_row_is_in_one_block(name, mask):
    work = work_of(SHAPES[name], mask=mask)
    count = np.zeros(work.stack.query.shape[:3], dtype=int)
    for block in partition(work, DEFAULT):
        count[block] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_partition_is_a_function_of_shapes_alone(name):
    blocks = partition(work_of(SHAPES[name]), DEFAULT)
    other = FastSettings(None, 5, 100)
    assert blocks == partition(work_of(SHAPES[name], other, fill=7.0), other)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mask", MASKS)
def test_every_block_is_in_one_chunk(name, mask):
    work = work_of(SHAPES[name], mask=mask)
    blocks = partition(work, DEFAULT)
    chunks = backward_chunks(blocks, work.stack)
    assert sorted(map(repr, blocks)) == sorted(repr(block) for chunk in chunks for block in chunk.blocks)
    for chunk in chunks:
        assert len({block.groups.start for block in chunk.blocks}) == 1
        own = [block for block in blocks if block.groups == chunk.blocks[0].groups]
        assert chunk.whole == (chunk.blocks == own)


def test_small_heads_are_stacked_and_long_ones_divided():
    """Units of 2**18 scores, at least two from half a millisecond; parts of one head, within PARTIAL."""
    many = work_of((63, 128, 64), fill=1.0)
    assert {b.groups.stop - b.groups.start for b in partition(many, DEFAULT)} == {5, 1}
    tiny = work_of((6, 16, 16))
    assert len(partition(tiny, DEFAULT)) == 1
    for length in (1024, 8192, 65536):
        long = work_of((1, length, 64))
        chunks = backward_chunks(partition(long, DEFAULT), long.stack)
        assert 2 <= len(chunks) <= max(2, 1 + PARTIAL // (length * 128))
        sizes = [len(chunk.blocks) for chunk in chunks]
        assert max(sizes) - min(sizes) <= 2
    assert operations(tiny.stack) == 6 * 16 * 16 * (16 + 16 + 64)
    assert STACK == 2**18


def test_tiles_follow_the_edges_of_a_mask():
    for mask, rows in ((None, SIDE), (na.causal(), SIDE), (na.window(3, 3), EDGE_ROWS)):
        work = work_of((4096, 1), mask=mask)
        assert (work.rows, work.columns) == (rows, SIDE)
    assert work_of((4, 1)).columns == SIDE * SIDE // 4  # fewer rows, more columns
    given = FastSettings((7, 11), None)
    work = work_of((4096, 1), given, mask=na.causal())
    assert (work.rows, work.columns, work.diagonal) == (7, 11, None)


def test_rows_on_a_diagonal_are_cut_by_powers_of_two():
    work = work_of((8, 1243, 4), mask=na.causal())
    rows = {(b.rows.start, b.rows.stop) for b in partition(work, DEFAULT)}
    assert sorted(rows) == [(0, 512), (512, 1024), (1024, 1152), (1152, 1216), (1216, 1243)]
