"""Operations on one tile, against plain NumPy and by hand."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.kernels import (
    LOG2_E,
    add_bias,
    apply_dropout,
    apply_softcap,
    flushed_exp2,
    in_range,
    scale_queries,
    scores_are_small,
    to_base_2,
    transposed_tile,
)
from tests.support.fast_problems import row_block, workload

RNG = np.random.default_rng(3)
MOST = np.finfo(np.float32).max
COLUMNS = slice(2, 7)


def test_tile_of_scores_is_that_of_numpy():
    """6 query heads read 2 key heads; a tile is (groups, columns, members * rows), to the base 2."""
    query, key, value = (RNG.standard_normal(shape) for shape in ((6, 3, 5), (2, 7, 5), (2, 7, 1)))
    bias, multipliers = RNG.standard_normal((6, 3, 7)), RNG.random((6, 3, 7))
    work = workload(query, key, value, bias=bias, scale=0.3, dropout=multipliers)
    queries = scale_queries(work, row_block(work), Buffers())
    tile = work.stack.key[:, COLUMNS] @ queries.query.swapaxes(-1, -2)
    add_bias(work, queries, COLUMNS, tile)
    expected = 0.3 * query @ np.repeat(key, 3, axis=0).swapaxes(-1, -2) + bias
    by_head = queries.by_member(tile).transpose(0, 2, 3, 1).reshape(6, 3, 5)
    np.testing.assert_allclose(by_head, expected[..., COLUMNS] * LOG2_E, rtol=0, atol=1e-14)
    apply_dropout(work, queries, COLUMNS, tile)
    expected = (expected * multipliers)[..., COLUMNS] * LOG2_E
    np.testing.assert_allclose(by_head * multipliers[..., COLUMNS], expected, rtol=0, atol=1e-14)
    by_head = queries.by_member(tile).transpose(0, 2, 3, 1).reshape(6, 3, 5)
    np.testing.assert_allclose(by_head, expected, rtol=0, atol=1e-14)


def test_softcap_returns_its_input_and_caps_in_place():
    scores = np.array([[[0.0, 0.5, -40.0]]])
    raw = apply_softcap(scores, 3.0, Buffers())
    assert raw.tolist() == [[[0.0, 0.5, -40.0]]]
    np.testing.assert_allclose(scores, [[[0, 3 * np.tanh(0.5) * LOG2_E, -3 * LOG2_E]]], rtol=1e-15)


@pytest.mark.parametrize("norm, small", [(4.4, True), (4.6, False)])
def test_norms_bound_the_scores_of_a_tile(norm, small):
    """4.4² * log2(e) = 27.9, 4.6² * log2(e) = 30.5; the bound is 29, for hidden scores too."""
    query, key = np.full((5, 1), norm), np.array([[0.1], [0.2], [0.3], [norm]])
    work = workload(query, key, key, scale=1.0, block=(5, 2), mask=na.prefix(3))
    queries = scale_queries(work, row_block(work), Buffers())
    assert scores_are_small(work, queries, slice(0, 2))
    assert scores_are_small(work, queries, slice(2, 4)) is small


def test_no_norm_proves_that_biased_scores_are_small():
    x = np.full((5, 1), 0.1)
    work = workload(x, x, x, bias=np.zeros((5, 5)))
    assert not scores_are_small(work, scale_queries(work, row_block(work), Buffers()), slice(0, 5))


def test_subnormal_powers_are_flushed_whatever_is_beside_them():
    least = np.finfo(np.float32).minexp
    powers = flushed_exp2(np.array([[[least, 0.0, -1000.0, least - 1]]], np.float32), Buffers())
    assert powers.tolist() == [[[2.0**least, 1, 0, 0]]]
    alone = flushed_exp2(np.array([[[least, 0.0]]], np.float32), Buffers())
    assert (alone == powers[..., :2]).all()


def test_base_2_keeps_finite_numbers_finite():
    with np.errstate(over="ignore"):
        x = to_base_2(np.array([1, MOST, -MOST, np.inf, -np.inf, np.nan], np.float32))
    np.testing.assert_array_equal(x, np.array([LOG2_E, MOST, -MOST, np.inf, -np.inf, np.nan], np.float32))


def test_lse_is_in_range_unless_it_is_near_overflow():
    lse2 = np.array([-np.inf, -100.0, MOST / 8, MOST / 2, np.inf, np.nan], np.float32)
    assert in_range(lse2).tolist() == [True, True, True, False, False, False]


def test_transposed_tile_has_columns_before_rows():
    assert transposed_tile(np.arange(6).reshape(2, 3)).tolist() == [[[[0, 3]], [[1, 4]], [[2, 5]]]]
    assert transposed_tile(np.arange(3)).shape == (1, 3, 1, 1)
