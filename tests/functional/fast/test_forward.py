"""One block of rows forward, against plain NumPy."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.forward import ForwardResults, forward_block
from numpy_attention.functional.fast.kept import Kept
from numpy_attention.functional.fast.kernels import RowStatistics
from tests.support.fast_problems import row_block, workload

RNG = np.random.default_rng(4)


def run(work, rows=None, kept=None):
    N, n, L, _ = work.stack.query.shape
    statistics = RowStatistics(*np.full((3, N, n, L), np.nan))
    out = np.full((N, n, L, work.stack.value.shape[-1]), np.nan)
    results = ForwardResults(out, statistics, np.zeros((N, n, L), bool))
    forward_block(work, results, None, kept or Kept(), row_block(work, rows), Buffers())
    return results


@pytest.mark.parametrize("spread", [1.0, 100.0])
@pytest.mark.parametrize("width", [2, 7])
def test_block_is_the_softmax_of_its_scores(spread, width):
    """Small scores keep the shift 0, larger ones are shifted by their maximum; tiles of 2, or all at once."""
    query, key, value = (RNG.standard_normal(shape) for shape in ((5, 3), (7, 3), (7, 2)))
    results = run(workload(spread * query, key, value, scale=1.0, block=(5, width)))
    scores = spread * query @ key.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    lse = np.log(weights.sum(axis=1)) + scores.max(axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(results.out[0, 0], weights @ value, rtol=0, atol=1e-13 * spread)
    np.testing.assert_allclose(results.statistics.lse()[0, 0], lse, rtol=1e-14)
    assert (results.statistics.largest[0, 0] >= weights.max(axis=1) * (1 - 1e-13 * spread)).all()
    assert (results.statistics.shift == 0).all() == (spread == 1)
    assert results.good.all()


def test_block_writes_its_own_rows_only():
    x = RNG.standard_normal((5, 3))
    results = run(workload(x, x, x), slice(1, 3))
    assert np.isfinite(results.out[0, 0, :, 0]).tolist() == [False, True, True, False, False]
    assert np.isfinite(results.statistics.summed[0, 0]).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("wrong", [1e308, np.nan, 1e-300])
def test_row_with_values_out_of_range_is_not_good(wrong):
    x = np.ones((3, 2))
    work = workload(x, x, np.full((3, 2), wrong))
    assert not run(work).good.any()


def test_row_whose_visible_scores_all_overflow_is_not_good():
    """Minus infinity made by arithmetic is no mask; a row that the mask hides completely is good."""
    query, key = np.array([[1e200], [0.1], [1e200]]), np.full((2, 1), -1e200)
    visible = np.array([[True, True], [True, True], [False, False]])
    work = workload(query, key, key, scale=1.0, mask=na.visible(visible))
    assert run(work).good[0, 0].tolist() == [False, True, True]


@pytest.mark.parametrize("scale, kept_tiles", [(1.0, 3), (100.0, 0)])
def test_exponentials_are_kept_where_no_row_is_shifted(scale, kept_tiles):
    x = RNG.standard_normal((5, 3))
    work, kept = workload(x, x, x, scale=scale, block=(5, 2)), Kept(1000)
    run(work, kept=kept)
    assert kept.room == 1000 - kept_tiles // 3 * 8 * 25
    tiles, memory = kept.take()
    assert [len(own) for own in tiles.values()] == [kept_tiles] * bool(kept_tiles)
    assert len(memory) == kept_tiles
    for tile, columns in zip(tiles.get((0, 0, 0), []), (slice(0, 2), slice(2, 4), slice(4, 5)), strict=False):
        np.testing.assert_allclose(tile[0, 0], np.exp(x @ x[columns].T).T, rtol=1e-14)
