"""One block of rows forward, against plain NumPy."""

import numpy as np
import pytest

from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.forward import ForwardResults, forward_block
from numpy_attention.functional.fast.kernels import RowStatistics
from tests.support.fast_problems import row_block, workload

RNG = np.random.default_rng(4)


def run(work, rows=None):
    N, n, L, _ = work.stack.query.shape
    empty = np.full((3, N, n, L), np.nan)
    results = ForwardResults(
        np.full((N, n, L, work.stack.value.shape[-1]), np.nan), RowStatistics(*empty), []
    )
    forward_block(work, results, None, row_block(work, rows), Buffers())
    return results


@pytest.mark.parametrize("spread", [1.0, 100.0])
@pytest.mark.parametrize("width", [2, 7])
def test_block_is_the_softmax_of_its_scores(spread, width):
    """Small scores keep the shift 0, larger ones are shifted by their maximum; tiles of 2, or all at once."""
    query, key, value = (RNG.standard_normal(shape) for shape in ((5, 3), (7, 3), (7, 2)))
    results = run(workload(spread * query, key, value, scale=1.0, block=(5, width)))
    scores = spread * query @ key.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    lse2 = (np.log(weights.sum(axis=1)) + scores.max(axis=1)) / np.log(2)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(results.out[0, 0], weights @ value, rtol=0, atol=1e-13 * spread)
    np.testing.assert_allclose(results.statistics.lse2()[0, 0], lse2, rtol=1e-14)
    np.testing.assert_allclose(results.statistics.largest[0, 0], weights.max(axis=1), rtol=1e-13 * spread)
    assert (results.statistics.shift == 0).all() == (spread == 1)
    assert not results.failed


def test_block_writes_its_own_rows_only():
    x = RNG.standard_normal((5, 3))
    results = run(workload(x, x, x), slice(1, 3))
    assert np.isfinite(results.out[0, 0, :, 0]).tolist() == [False, True, True, False, False]
    assert np.isfinite(results.statistics.summed[0, 0]).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("wrong", [1e308, np.nan])
def test_block_with_a_non_finite_output_is_reported(wrong):
    x = np.ones((3, 2))
    work = workload(x, x, np.full((3, 2), wrong))
    assert run(work).failed == [row_block(work)]
