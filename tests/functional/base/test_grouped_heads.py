"""Grouped heads: the rows of query heads that share a key head, as one matrix and back."""

import numpy as np

from numpy_attention.functional.base.grouped_heads import fold_groups, unfold_groups

ROWS = np.arange(2 * 6 * 5 * 3).reshape(2, 6, 5, 3)


def test_query_heads_of_one_group_are_stacked_in_order():
    folded = fold_groups(ROWS, np.zeros((2, 7, 3)))
    assert folded.shape == (2, 2, 15, 3)
    np.testing.assert_array_equal(folded[:, 0], ROWS[:, :3].reshape(2, 15, 3))
    np.testing.assert_array_equal(folded[:, 1, 10:], ROWS[:, 5])


def test_the_product_with_folded_rows_is_that_with_repeated_keys():
    key = np.arange(2.0 * 2 * 7 * 3).reshape(2, 2, 7, 3)
    products = unfold_groups(fold_groups(ROWS, key) @ key.swapaxes(-1, -2), ROWS)
    np.testing.assert_array_equal(products, ROWS @ np.repeat(key, 3, axis=1).swapaxes(-1, -2))


def test_unfolding_inverts_folding():
    np.testing.assert_array_equal(unfold_groups(fold_groups(ROWS, np.zeros((2, 7, 3))), ROWS), ROWS)


def test_one_head_and_equal_numbers_of_heads_are_returned_unchanged():
    key = np.zeros((2, 7, 3))
    for rows in (ROWS[0, 0], ROWS[:, :2]):
        assert fold_groups(rows, key) is rows
        assert unfold_groups(rows, rows) is rows
