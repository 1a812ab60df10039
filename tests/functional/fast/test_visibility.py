"""Tiles of small masks, by hand."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.kernels import UNIT, scale_queries, scores_in_units, tile_shape
from numpy_attention.functional.fast.tile import Tile
from numpy_attention.functional.fast.visibility import (
    first_seen,
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
    assert found == [Tile(slice(0, 3), []), Tile(slice(3, 6), []), Tile(slice(6, 7), [])]


def test_causal_tile_is_trimmed_to_its_visible_columns():
    """Rows 0 and 1 see keys 0 and 0, 1: column 2 is trimmed, and the tiles behind are skipped."""
    _, [tile] = tiles(slice(0, 2), mask=na.causal("top_left"))
    [mask] = tile.masks
    assert tile.columns == slice(0, 2)
    assert mask.bits[0, :, 0, :].tolist() == [[-1, -1], [0, -1]]
    assert mask.shift.tolist() == [0, 0]


def test_row_without_a_visible_key_in_the_tile_has_no_shift_yet():
    """Rows 2 and 3 see keys 0..2 and 0..3: the first tile completely, of the second one column."""
    queries, [first, second] = tiles(slice(2, 4), mask=na.causal("top_left"))
    assert (first.columns, first.masks, second.columns) == (slice(0, 3), [], slice(3, 4))
    assert second.masks[0].bits[0, :, 0, :].tolist() == [[0, -1]]
    assert first_seen(queries, second, np.empty((1, 1, 2))).tolist() == [[[-np.inf, 0]]]
    assert first_seen(queries, first, np.empty((1, 1, 2))) == 0


def test_bias_of_minus_infinity_hides():
    bias = np.zeros((4, 7))
    bias[:, :2] = bias[0, 4:] = bias[1, 3:6] = -np.inf
    _, found = tiles(slice(0, 2), bias=bias)
    assert [tile.columns for tile in found] == [slice(2, 3), slice(3, 4), slice(6, 7)]
    none, [mask], [last] = (tile.masks for tile in found)
    assert not none
    assert mask.bits[0, :, 0, :].tolist() == [[-1, 0]]
    assert last.bits[0, :, 0, :].tolist() == [[0, -1]]


def test_head_that_sees_all_of_a_tile_has_no_mask():
    visible = np.ones((2, 4, 7), bool)
    visible[1, 0, 1] = False
    _, [first, *others] = tiles(slice(0, 2), np.ones((2, 4, 1)), mask=na.visible(visible))
    assert [mask.at[2] for mask in first.masks] == [slice(1, 2)]
    assert [tile.masks for tile in others] == [[], []]


def test_hidden_entries_become_zero_whatever_they_are():
    queries, [tile] = tiles(slice(0, 2), mask=na.causal("top_left"))
    scores = np.array([[[[5.0, 6.0], [np.nan, -7.0]]]])
    zero_hidden(queries, tile, scores)
    assert scores.tolist() == [[[[5, 6], [0, -7]]]]


def test_maximum_is_over_visible_scores():
    queries, [tile] = tiles(slice(0, 2), mask=na.causal("top_left"))
    scores = np.array([[[[-5.0, 6.0], [np.inf, 9.0]]]])
    assert visible_maximum(queries, tile, scores, 0.0).tolist() == [[[-5, 9]]]
    assert scores.tolist() == [[[[-5, 6], [-np.inf, 9]]]]


def test_maximum_of_a_row_that_sees_only_minus_infinity_is_the_lowest_number():
    queries, [tile] = tiles(slice(0, 2), mask=na.causal("top_left"))
    scores = np.full((1, 1, 2, 2), -np.inf)
    highest = visible_maximum(queries, tile, scores, np.array([[[0, -np.inf]]]))
    assert highest.tolist() == [[[np.finfo(float).min, -np.inf]]]


def test_tiles_of_a_shared_mask_are_cached():
    work = workload(np.ones((2, 4, 1)), KEY[None], KEY[None], block=(2, 3), mask=na.causal("top_left"))
    queries = scale_queries(work, row_block(work, slice(0, 2)), Buffers())
    (first,), (again,) = (list(visible_tiles(work, queries)) for _ in range(2))
    assert first is again
    assert list(work.mask_cache) == [(0, 0)]


@pytest.mark.parametrize("offset", (0, 37, 129))
@pytest.mark.parametrize("rows", (slice(0, 64), slice(64, 192), slice(0, 256)))
def test_diagonal_is_cut_into_triangles_and_squares(rows, offset):
    """Every visible pair is in one tile, with its own score, and no hidden pair is in any."""
    rng = np.random.default_rng(1)
    query, key = rng.standard_normal((2, 256, 5)), rng.standard_normal((2, 400, 5))
    work = workload(query, key, key, mask=na.causal(offset=offset), scale=1.0)
    queries = scale_queries(work, row_block(work, rows), Buffers())
    found = list(visible_tiles(work, queries))
    assert sum(tile.pieces for tile in found if tile.masks) == (rows.stop - rows.start) // 64
    scores, seen = np.zeros((2, 256, 400)), np.zeros((2, 256, 400), int)
    number = np.broadcast_to(np.arange(256)[rows], (2, rows.stop - rows.start))
    for tile in found:
        own = np.empty(tile_shape(queries, tile))
        scores_in_units(work, queries, tile, own, Buffers())
        ones = np.ones_like(own)
        for x in (own, ones):
            zero_hidden(queries, tile, x)
        i = np.broadcast_to(tile.by_row(number)[..., None, :], own.shape)
        keys = np.broadcast_to(np.arange(400.0)[:, None], (2, 400, 1))
        j = np.broadcast_to(tile.of_keys(keys).astype(int), own.shape)
        batch = np.arange(2)[:, None, None, None]
        np.add.at(scores, (batch, i, j), own)
        np.add.at(seen, (batch, i, j), ones.astype(int))
    visible = na.causal(offset=offset).array(256, 400)
    visible[: rows.start] = visible[rows.stop :] = False
    assert (seen == visible).all()
    expected = np.where(visible, query @ key.swapaxes(-1, -2) * UNIT, 0)
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-12)
