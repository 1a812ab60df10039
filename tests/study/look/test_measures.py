"""Numbers of maps, by hand."""

import numpy as np
import pytest

from numpy_attention.study.look.measures import (
    effective_keys,
    entropy,
    entropy_share,
    rank_correlation,
    ranks,
    signed,
    total_variation,
)

WEIGHTS = np.array([[0.5, 0.25, 0.25, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
SEEN = np.array([[True, True, True, False], [True, False, False, False], [True] * 4])


def test_entropy_is_that_of_shares_and_0_for_a_row_of_zeros():
    np.testing.assert_allclose(entropy(WEIGHTS) / np.log(2), [1.5, 0, 2], rtol=1e-15)
    np.testing.assert_allclose(entropy(WEIGHTS / 3), entropy(WEIGHTS), rtol=1e-15)  # a sink took the rest
    assert entropy(np.zeros(3)) == 0


def test_the_share_of_entropy_counts_visible_keys_and_leaves_out_rows_that_see_one():
    expected = (1.5 * np.log(2) / np.log(3) + 1) / 2
    np.testing.assert_allclose(entropy_share(WEIGHTS, SEEN), expected, rtol=1e-15)
    assert np.isnan(entropy_share(WEIGHTS[1:2], SEEN[1:2]))


def test_effective_keys_are_all_of_uniform_weights_and_one_of_a_peak():
    np.testing.assert_allclose(effective_keys(WEIGHTS), (2**1.5 + 1 + 4) / 3, rtol=1e-15)


def test_total_variation_is_the_weight_that_moves():
    np.testing.assert_allclose(total_variation(WEIGHTS[0], WEIGHTS), [0, 0.5, 0.25], rtol=1e-15)


def test_equal_numbers_share_their_ranks():
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [2.5, 0, 2.5, 1])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3], [10, 20, 90], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4], [2, 1, 4, 3], 0.6),  # 1 - 6 Σ d² / (n (n² - 1)), d² = 4 · 1
        ([1, 1, 2], [1, 2, 3], np.sqrt(0.75)),
        ([1, 1, 1], [1, 2, 3], np.nan),
    ],
)
def test_rank_correlation_is_spearmans(one, other, expected):
    found = rank_correlation(np.array(one, float), np.array(other, float))
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_a_number_that_rounds_to_0_has_no_sign():
    assert [signed(x) for x in (0.00006, -0.5, -0.00004, 0.0)] == ["+0.0001", "-0.5000", "0.0000", "0.0000"]
