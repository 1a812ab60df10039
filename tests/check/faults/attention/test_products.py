"""Mistakes in the products: which results they change, and the sizes that hide them."""

import numpy as np
import pytest

import numpy_attention as na
from tests.support.fault_problems import changed, drawn, is_active, wrong

CHANGED = {
    "d-value-untransposed": {"d_value"},
    "d-key-untransposed": {"d_key"},
    "d-key-from-weights": {"d_key"},
    "d-query-and-d-key-swapped": {"d_query", "d_key"},
    "tail-of-keys-dropped": {"out"},
    "last-keys-dropped-in-d-query": {"d_query"},
    "last-rows-dropped-in-d-key": {"d_key"},
    "last-block-of-rows-dropped-in-d-value": {"d_value"},
    "row-sum-broadcast-along-rows": {"d_query", "d_key"},
    "key-untransposed-in-d-query": {"d_query"},
    "d-key-and-d-value-swapped": {"d_key", "d_value"},
    "key-and-value-swapped": {"out", "weights", "lse", "d_query", "d_key", "d_value"},
    "tail-of-keys-counted-twice": {"out", "weights", "lse", "d_query", "d_key", "d_value"},
}
ALWAYS = {"d-key-from-weights", "last-block-of-rows-dropped-in-d-value"}


@pytest.mark.parametrize("name, results", CHANGED.items())
def test_a_fault_changes_these_results_where_all_lengths_are_5(name, results):
    arrays = drawn(1, 1, 5, 5, 5, 5)
    assert changed(name, *arrays) == results
    assert is_active(name, *arrays)


@pytest.mark.parametrize("name", sorted(CHANGED.keys() - ALWAYS))
def test_unlike_sizes_and_multiples_of_4_hide_it(name):
    arrays = drawn(1, 1, 4, 8, 3, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)


def test_untransposed_d_value_by_hand():
    """weights [[1, 0], [1/2, 1/2]] @ d_out (1, 2), for their transpose's (2, 1)."""
    arrays = (np.zeros((2, 1)), np.zeros((2, 1)), np.ones((2, 1)), np.array([[1.0], [2.0]]))
    d_value = wrong("d-value-untransposed", *arrays, mask=na.causal())["d_value"]
    np.testing.assert_allclose(d_value[:, 0], (1, 1.5))


def test_the_tail_counted_twice_by_hand():
    """Five equal scores, the fifth counted twice: weights (1, 1, 1, 1, 2) / 6."""
    arrays = (np.ones((1, 1)), np.zeros((5, 1)), np.ones((5, 1)), np.ones((1, 1)))
    weights = wrong("tail-of-keys-counted-twice", *arrays)["weights"]
    np.testing.assert_allclose(6 * weights, [[1, 1, 1, 1, 2]])


@pytest.mark.parametrize("D, is_wrong", [(64, False), (65, True)])
def test_columns_beyond_64_are_not_read(D, is_wrong):
    arrays = drawn(1, 1, 2, 3, D, 2)
    assert bool(changed("width-truncated", *arrays)) == is_wrong
    assert is_active("width-truncated", *arrays) == is_wrong


@pytest.mark.parametrize("E, results", [(3, set()), (4, {"d_query"})])
def test_values_wider_than_keys_change_d_query(E, results):
    arrays = drawn(1, 1, 2, 5, 3, E)
    assert changed("d-query-of-narrow-values", *arrays) == results
    assert is_active("d-query-of-narrow-values", *arrays) == bool(results)
