"""Tiles of small masks, by hand."""

import numpy as np

import numpy_attention as na
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.kernels import scale_queries
from numpy_attention.functional.fast.visibility import (
    minimum_shift,
    visible_maximum,
    visible_tiles,
    zero_hidden,
)
from tests.support.fast_problems import row_block, workload

QUERY, KEY = np.ones((4, 1)), np.ones((7, 1))


def tiles(rows, query=QUERY, **options):
    key = KEY if query.ndim == 2 else KEY[None]
    work = workload(query, key, key, block=(2, 3), **options)
    queries = scale_queries(work, row_block(work, rows), Buffers())
    return queries, list(visible_tiles(work, queries))


def test_unmasked_tiles_have_no_masks():
    _, found = tiles(slice(0, 2))
    assert found == [(slice(0, 3), []), (slice(3, 6), []), (slice(6, 7), [])]


def test_causal_tile_is_trimmed_to_its_visible_columns():
    """Rows 0 and 1 see keys 0 and 0, 1: column 2 is trimmed, and the tiles behind are skipped."""
    _, [(columns, [mask])] = tiles(slice(0, 2), mask=na.causal("top_left"))
    assert columns == slice(0, 2)
    assert mask.bits[0, :, 0, :].tolist() == [[-1, -1], [0, -1]]
    assert mask.shift.tolist() == [0, 0]


def test_row_without_a_visible_key_in_the_tile_has_no_shift_yet():
    """Rows 2 and 3 see keys 0..2 and 0..3: the first tile completely, of the second one column."""
    queries, [(first, none), (second, masks)] = tiles(slice(2, 4), mask=na.causal("top_left"))
    assert (first, none, second) == (slice(0, 3), [], slice(3, 4))
    assert masks[0].bits[0, :, 0, :].tolist() == [[0, -1]]
    assert minimum_shift(queries, masks, np.empty((1, 2))).tolist() == [[-np.inf, 0]]
    assert minimum_shift(queries, none, np.empty((1, 2))) == 0


def test_bias_of_minus_infinity_hides():
    bias = np.zeros((4, 7))
    bias[:, :2] = bias[0, 4:] = bias[1, 3:6] = -np.inf
    _, [(first, none), (second, [mask]), (third, [last])] = tiles(slice(0, 2), bias=bias)
    assert (first, none, second, third) == (slice(2, 3), [], slice(3, 4), slice(6, 7))
    assert mask.bits[0, :, 0, :].tolist() == [[-1, 0]]
    assert last.bits[0, :, 0, :].tolist() == [[0, -1]]


def test_head_that_sees_all_of_a_tile_has_no_mask():
    visible = np.ones((2, 4, 7), bool)
    visible[1, 0, 1] = False
    _, [(_, masks), *others] = tiles(slice(0, 2), np.ones((2, 4, 1)), mask=na.visible(visible))
    assert [mask.head.batch_index for mask in masks] == [(1,)]
    assert [masks for _, masks in others] == [[], []]


def test_hidden_entries_become_zero_whatever_they_are():
    queries, [(_, masks)] = tiles(slice(0, 2), mask=na.causal("top_left"))
    tile = np.array([[[5.0, 6.0], [np.nan, -7.0]]])
    zero_hidden(queries, masks, tile)
    assert tile.tolist() == [[[5, 6], [0, -7]]]


def test_maximum_is_over_visible_scores():
    queries, [(_, masks)] = tiles(slice(0, 2), mask=na.causal("top_left"))
    scores = np.array([[[-5.0, 6.0], [np.inf, 9.0]]])
    assert visible_maximum(queries, masks, scores).tolist() == [[-5, 9]]
    assert scores.tolist() == [[[-5, 6], [-np.inf, 9]]]


def test_tiles_of_a_shared_mask_are_cached():
    work = workload(np.ones((2, 4, 1)), KEY[None], KEY[None], block=(2, 3), mask=na.causal("top_left"))
    queries = scale_queries(work, row_block(work, slice(0, 2)), Buffers())
    (first,), (again,) = (list(visible_tiles(work, queries)) for _ in range(2))
    assert first is again
    assert list(work.mask_cache) == [(0, 0)]
