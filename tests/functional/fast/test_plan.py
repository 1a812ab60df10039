"""The partition of the work: every row once, as a function of shapes alone."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast.plan import FastSettings, backward_chunks, largest_tile, partition
from numpy_attention.functional.fast.stack import stack_heads
from tests.support.fast_problems import problem_of

DEFAULT = FastSettings(None, None)
SHAPES = {"heads": (6, 700, 5), "long": (3, 2500, 1), "small": (3, 5, 6, 37, 2), "one head": (7, 3)}


def stack_of(shape, fill=0.0, **options):
    query = np.full(shape, fill)
    key = query[..., : max(1, shape[-3] // 3), :, :] if len(shape) > 2 else query
    return stack_heads(problem_of(query, key, key, **options))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mask", [None, na.causal("top_left")])
def test_every_row_is_in_one_block(name, mask):
    stack = stack_of(SHAPES[name], mask=mask)
    count = np.zeros(stack.query.shape[:3], dtype=int)
    for block in partition(stack, DEFAULT):
        count[block] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_partition_is_a_function_of_shapes_alone(name):
    blocks = partition(stack_of(SHAPES[name]), DEFAULT)
    assert blocks == partition(stack_of(SHAPES[name], fill=7.0), FastSettings(None, 5))


@pytest.mark.parametrize("name", SHAPES)
def test_every_block_is_in_one_chunk(name):
    blocks = partition(stack_of(SHAPES[name]), DEFAULT)
    chunks = backward_chunks(blocks)
    assert sorted(map(repr, blocks)) == sorted(repr(block) for chunk in chunks for block in chunk.blocks)
    for chunk in chunks:
        assert len({block.groups.start for block in chunk.blocks}) == 1
        own = [block for block in blocks if block.groups == chunk.blocks[0].groups]
        assert chunk.whole == (chunk.blocks == own)


def test_few_groups_are_divided_among_workers():
    assert len(backward_chunks(partition(stack_of((1, 8192, 1)), DEFAULT))) == 8


def test_fewer_rows_allow_wider_tiles():
    assert largest_tile(problem_of(*[np.zeros((4096, 1))] * 3), DEFAULT) == (1024, 1024)
    assert largest_tile(problem_of(*[np.zeros((4, 1))] * 3), DEFAULT) == (1024, 256 * 1024)
    causal = problem_of(*[np.zeros((4096, 1))] * 3, mask=na.causal())
    assert largest_tile(causal, DEFAULT) == (256, 512)
    assert largest_tile(causal, FastSettings((7, 11), None)) == (7, 11)
