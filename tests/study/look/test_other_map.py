"""Other maps with the same output: by hand, against all corners, and what cannot be moved."""

from itertools import combinations

import numpy as np
import pytest

from numpy_attention.study.look.other_map import TINY, other_rows, other_weights, without_effect


def test_the_middle_of_three_equally_spaced_values_can_go_to_both_sides():
    value = np.array([[1.0], [2.0], [3.0]])
    found = other_weights(np.array([0.125, 0.75, 0.125]), value)
    np.testing.assert_allclose(found, [0.5, 0, 0.5], atol=1e-15)
    found = other_weights(np.array([0.5, 0.125, 0.375]), value)  # w · w' is smallest with all in the middle
    np.testing.assert_allclose(found, [0.125, 0.875, 0], atol=1e-15)


def test_two_keys_with_the_same_value_exchange_their_weight():
    value = np.array([[7.0, 1.0], [7.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(
        other_weights(np.array([0.5, 0.125, 0.375]), value), [0, 0.625, 0.375], atol=1e-15
    )


def test_there_is_none_where_the_values_are_independent():
    assert other_weights(np.array([0.5, 0.25, 0.25]), np.eye(3)) is None
    assert other_weights(np.array([1.0]), np.ones((1, 5))) is None
    rng = np.random.default_rng(0)
    assert other_weights(np.full(5, 0.2), rng.normal(size=(5, 4))) is None  # rank 4 and the sum: 5


def smallest(weights, value):
    """The least w · w' over all corners: at most as many weights above 0 as constraints."""
    rows = np.vstack([value.T, np.ones(len(weights))])
    costs = []
    for corner in combinations(range(len(weights)), len(rows)):
        corner = list(corner)
        found = np.linalg.solve(rows[:, corner], rows @ weights)
        if (found >= -1e-12).all():
            costs.append(found @ weights[corner])
    return min(costs)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sharpness", [1, 12])
def test_it_has_least_in_common_of_all_maps_with_the_same_output(seed, sharpness):
    rng = np.random.default_rng([seed, sharpness])
    scores, value = sharpness * rng.normal(size=9), 10.0 ** rng.integers(-5, 5) * rng.normal(size=(9, 2))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    found = other_weights(weights, value)
    size = np.abs(value).max()
    np.testing.assert_allclose(found @ value, weights @ value, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-12)
    assert (found >= 0).all()
    np.testing.assert_allclose(found @ weights, smallest(weights, value), rtol=1e-9, atol=2 * TINY)


def test_hidden_keys_keep_no_weight_and_rows_without_another_map_stay():
    weights, value = np.array([[0.125, 0.75, 0.125, 0.0], [1.0, 0.0, 0.0, 0.0]]), np.arange(4.0)[:, None]
    visible = np.array([[True, True, True, False], [True, False, False, False]])
    np.testing.assert_allclose(
        other_rows(weights, value, visible), [[0.5, 0, 0.5, 0], weights[1]], atol=1e-15
    )


def test_the_part_without_effect_is_what_the_constraints_do_not_see():
    rng = np.random.default_rng(3)
    rows, cost = rng.normal(size=(2, 5)), rng.normal(size=5)
    part, y = without_effect(rows, cost)
    np.testing.assert_allclose(rows @ part, 0, atol=1e-14)
    np.testing.assert_allclose(part + rows.T @ y, cost, rtol=1e-13)


def test_columns_and_weights_of_any_size_are_moved_alike():
    rng = np.random.default_rng(5)
    weights, value = rng.dirichlet(np.ones(9)), rng.normal(size=(9, 2))
    found = other_weights(weights, value)
    np.testing.assert_allclose(other_weights(weights, value * [1e12, 1e-12]), found, atol=1e-9)
    np.testing.assert_allclose(1e12 * other_weights(1e-12 * weights, value), found, atol=1e-9)


def test_more_moves_than_keys_may_be_needed():
    rng = np.random.default_rng([9, 2, 26])
    weights = np.exp(3 * rng.normal(size=9))
    weights, value = weights / weights.sum(), rng.normal(size=(9, 2))
    found = other_weights(weights, value)
    np.testing.assert_allclose(found @ weights, smallest(weights, value), rtol=1e-9)
