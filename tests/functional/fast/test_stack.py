"""Arguments stacked by key head, with the options of each query head."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast.stack import RowBlock, stack_heads
from tests.support.fast_problems import problem_of

RNG = np.random.default_rng(2)
QUERY, KEY, VALUE = (RNG.standard_normal(s) for s in ((2, 6, 5, 3), (2, 2, 7, 3), (1, 2, 7, 1)))
ALL = slice(None)


def test_groups_hold_the_query_heads_of_one_key_head():
    """Query heads 3, 4, 5 of batch entry 1 read its key head 1: the last of 2 * 2 groups."""
    stack = stack_heads(problem_of(QUERY, KEY, VALUE))
    assert [x.shape for x in stack[:3]] == [(4, 3, 5, 3), (4, 7, 3), (4, 7, 1)]
    np.testing.assert_array_equal(stack.query[3], QUERY[1, 3:])
    np.testing.assert_array_equal(stack.key[3], KEY[1, 1])
    np.testing.assert_array_equal(stack.value[3], VALUE[0, 1])


def test_unstacking_undoes_stacking():
    stack = stack_heads(problem_of(QUERY, KEY, VALUE))
    np.testing.assert_array_equal(stack.unstacked(stack.stacked(QUERY)), QUERY)
    np.testing.assert_array_equal(stack.keys_unstacked(stack.key), KEY)
    alone = stack_heads(problem_of(QUERY[0, 0], KEY[0, 0], VALUE[0, 0]))
    assert alone.query.shape == (1, 1, 5, 3)
    np.testing.assert_array_equal(alone.keys_unstacked(alone.key), KEY[0, 0])


def test_each_head_has_its_own_options():
    bias, multipliers = RNG.standard_normal((2, 6, 5, 7)), RNG.random((6, 1, 7))
    stack = stack_heads(problem_of(QUERY, KEY, VALUE, bias=bias, dropout=multipliers))
    heads = stack.head_options(RowBlock(slice(2, 4), slice(1, 3), slice(0, 5)))
    assert [head.batch_index for head in heads] == [(1, 1), (1, 2), (1, 4), (1, 5)]
    assert heads[2].at == (slice(1, 2), ALL, slice(0, 1), ALL)
    rows, columns = slice(1, 3), slice(2, 7)
    np.testing.assert_array_equal(stack.bias_tile(heads[2], rows, columns), bias[1, 4, 1:3, 2:])
    np.testing.assert_array_equal(stack.multipliers(heads[2], rows, columns), multipliers[4, :, 2:])


def test_one_entry_serves_all_heads_that_share_their_options():
    block = RowBlock(slice(0, 4), slice(0, 3), slice(0, 5))
    window, multipliers = na.window(1, 1, "top_left"), RNG.random((6, 1, 7))
    cases = (None, None, 1), (window, na.dropout(3, 0.4), 1), (na.padding([3, 7]), None, 12)
    for mask, dropout, count in (*cases, (window, multipliers, 12)):
        stack = stack_heads(problem_of(QUERY, KEY, VALUE, mask=mask, dropout=dropout))
        assert stack.uniform == (count == 1)
        assert len(stack.head_options(block)) == count


@pytest.mark.parametrize("groups", [slice(0, 4), slice(1, 3)], ids=str)
@pytest.mark.parametrize("members", [slice(0, 3), slice(1, 2)], ids=str)
def test_multipliers_of_the_heads_of_a_block_are_those_of_the_whole_array(groups, members):
    dropout = na.dropout(seed=3, rate=0.4)
    stack = stack_heads(problem_of(QUERY, KEY, VALUE, dropout=dropout))
    N, n, L, S = len(stack.key), stack.query.shape[1], *stack.problem.shape[-2:]
    drawn = stack.drawn(dropout, RowBlock(groups, members, slice(1, 4)), slice(2, 7))
    whole = dropout.array((N, n, L, S)).astype(drawn.dtype)
    np.testing.assert_array_equal(drawn, whole[groups, members, 1:4, 2:7])
