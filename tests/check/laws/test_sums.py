"""Sums over broadcast axes and their errors, by hand."""

import numpy as np

from numpy_attention.check.laws.sums import common_shape, quadrature_sum


def test_common_shape_has_one_wherever_a_shape_has_one():
    assert common_shape((2, 3, 1), (2, 1, 5)) == (2, 1, 1)
    assert common_shape((7, 2, 3), (2, 3)) == (2, 3)
    assert common_shape((2, 0), (2, 4)) == (2, 0)


def test_independent_errors_add_in_quadrature():
    errors = np.array([[3.0, 0.0], [4.0, 2.0]])
    assert quadrature_sum(errors, (1, 2)).tolist() == [[20.0, 8.0]]
    assert quadrature_sum(errors, (2, 2)).tolist() == (4 * errors).tolist()


def test_random_errors_stay_within_the_quadrature_sum():
    rng = np.random.default_rng(0)
    bound = quadrature_sum(np.full((1000, 1), 0.5), (1, 1)).item()
    worst = max(abs(rng.choice([-0.5, 0.5], 1000).sum()) for _ in range(500))
    assert bound / 4 < worst < bound
