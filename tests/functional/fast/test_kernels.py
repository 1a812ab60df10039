"""Operations on one tile, against plain NumPy and by hand."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast import backward, dense, forward, kernels
from numpy_attention.functional.fast.kernels import (
    UNIT,
    apply_dropout,
    flushed_power,
    in_range,
    scale_queries,
    scores_are_small,
    scores_in_units,
    tile_shape,
    to_units,
    too_small,
    transposed_tile,
)
from numpy_attention.functional.fast.tile import Tile
from tests.support.fast_problems import row_block, workload

RNG = np.random.default_rng(3)
MOST = np.finfo(np.float32).max
COLUMNS = slice(2, 7)
TILE = Tile(COLUMNS, [])


def scores_of(work, tile=TILE):
    """A tile's scores, the softcap's argument, and the queries."""
    queries = scale_queries(work, row_block(work), Buffers())
    scores = np.empty(tile_shape(queries, tile))
    return scores, scores_in_units(work, queries, tile, scores, Buffers()), queries


def test_tile_of_scores_is_that_of_numpy():
    """6 query heads read 2 key heads; a tile is (groups, pieces, columns, members * rows), in units."""
    query, key, value = (RNG.standard_normal(shape) for shape in ((6, 3, 5), (2, 7, 5), (2, 7, 1)))
    bias, multipliers = RNG.standard_normal((6, 3, 7)), RNG.random((6, 3, 7))
    work = workload(query, key, value, bias=bias, scale=0.3, dropout=multipliers)
    scores, _, queries = scores_of(work)
    expected = 0.3 * query @ np.repeat(key, 3, axis=0).swapaxes(-1, -2) + bias
    by_head = TILE.by_member(scores, queries.members).transpose(0, 2, 3, 1).reshape(6, 3, 5)
    np.testing.assert_allclose(by_head, expected[..., COLUMNS] * UNIT, rtol=0, atol=1e-14)
    apply_dropout(work, queries, TILE, scores)
    by_head = TILE.by_member(scores, queries.members).transpose(0, 2, 3, 1).reshape(6, 3, 5)
    expected = (expected * multipliers)[..., COLUMNS] * UNIT
    np.testing.assert_allclose(by_head, expected, rtol=0, atol=1e-14)


def test_softcap_caps_and_returns_its_argument():
    query, key = np.array([[1.0]]), np.array([[0.0], [1.5], [-120.0]])
    work = workload(query, key, key, scale=1.0, softcap=3.0)
    scores, raw, queries = scores_of(work, Tile(slice(0, 3), []))
    assert raw.ravel().tolist() == [0, 0.5, -40]
    np.testing.assert_allclose(scores.ravel(), [0, 3 * np.tanh(0.5) * UNIT, -3 * UNIT], rtol=1e-15)
    assert scores_are_small(work, queries)  # at most 3, whatever the norms


@pytest.mark.parametrize("norm, small", [(4.4, True), (4.6, False)])
def test_norms_bound_the_scores_of_a_block(norm, small):
    """4.4² * log2(e) = 27.9, 4.6² * log2(e) = 30.5; the bound is near 29, for hidden scores too."""
    query, key = np.full((5, 1), norm), np.array([[0.1], [0.2], [0.3], [norm]])
    work = workload(query, key, key, scale=1.0, mask=na.prefix(3))
    assert scores_are_small(work, scale_queries(work, row_block(work), Buffers())) is small


def test_no_norm_proves_that_biased_scores_are_small():
    x = np.full((5, 1), 0.1)
    work = workload(x, x, x, bias=np.zeros((5, 5)))
    assert not scores_are_small(work, scale_queries(work, row_block(work), Buffers()))


def test_queries_that_overflow_are_reported():
    x = np.array([[1.0], [1e300], [1.7e308]])
    work = workload(x, x, x, scale=1.3)
    with np.errstate(over="ignore"):
        queries = scale_queries(work, row_block(work), Buffers())
    assert queries.overflows.tolist() == [[False, False, True]]
    assert scale_queries(workload(x[:1], x, x), row_block(workload(x[:1], x, x)), Buffers()).overflows is None


def test_rows_with_numbers_below_the_limit_are_found():
    """2**-1022 is the least normal number; 0 is not below."""
    x = np.array([[1.0, 0.0], [1.0, 2.0**-1017], [2.0**-1016, 1.0]])
    assert too_small(x, 6, Buffers()).tolist() == [False, True, False]
    assert too_small(x[::2], 6, Buffers()) is None
    assert too_small(np.ones((2, 3)), 6, Buffers()) is None
    assert too_small(np.ones((0, 3)), 6, Buffers()) is None


def test_subnormal_powers_are_flushed_whatever_is_beside_them(monkeypatch):
    monkeypatch.setattr(kernels, "power", np.exp2)
    monkeypatch.setattr(kernels, "UNIT", 1 / math.log(2))
    least = np.finfo(np.float32).minexp
    powers = flushed_power(np.array([[[least, 0.0, -1000.0, least - 1]]], np.float32), Buffers())
    assert powers.tolist() == [[[2.0**least, 1, 0, 0]]]
    alone = flushed_power(np.array([[[least, 0.0]]], np.float32), Buffers())
    assert (alone == powers[..., :2]).all()


@pytest.mark.parametrize("base", (2, math.e))
def test_numbers_do_not_depend_on_the_base(monkeypatch, base):
    """The base is that of the exponential which NumPy vectorises on this processor; both are right."""
    for module in (kernels, forward, backward, dense):
        for name, value in (
            ("power", np.exp2 if base == 2 else np.exp),
            ("UNIT", 1 / math.log(base)),
            ("SMALL", 30 * math.log(2, base)),
        ):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    for length, scale in ((5, 0.7), (5, 30.0), (300, 0.7), (300, 30.0)):
        query, key, value, d_out = np.random.default_rng(2).standard_normal((4, 2, length, 3))
        options = {"scale": scale, "sinks": np.array([0.3, -40.0])} if length == 300 else {"scale": scale}
        out, saved = na.attention_forward(query, key, value, **options)
        fast_out, fast_saved = na.fast_attention_forward(query, key, value, **options)
        got, expected = na.fast_attention_backward(d_out, fast_saved), na.attention_backward(d_out, saved)
        for x, y in zip((fast_out, fast_saved.lse, *got), (out, saved.lse, *expected), strict=True):
            if y is not None:
                np.testing.assert_allclose(x, y, rtol=0, atol=1e-11 * max(1, abs(y).max()))


def test_units_keep_finite_numbers_finite():
    with np.errstate(over="ignore"):
        x = to_units(np.array([1, MOST, -MOST, np.inf, -np.inf, np.nan], np.float32))
    np.testing.assert_array_equal(x, np.array([UNIT, MOST, -MOST, np.inf, -np.inf, np.nan], np.float32))


def test_lse_is_in_range_unless_it_is_near_overflow():
    lse = np.array([-np.inf, -100.0, MOST / 8, MOST / 2, np.inf, np.nan], np.float32)
    assert in_range(lse).tolist() == [True, True, True, False, False, False]


def test_transposed_tile_has_columns_before_rows():
    assert transposed_tile(np.arange(6).reshape(2, 3)).tolist() == [[[[0, 3]], [[1, 4]], [[2, 5]]]]
    assert transposed_tile(np.arange(3)).shape == (1, 3, 1, 1)
