"""Dynamic time warping, beside its recursion and a search through all paths."""

import numpy as np
import pytest

from numpy_attention.tasks.sounds.dtw import accumulated, dtw_distances, dtw_path, frame_distances

RNG = np.random.default_rng(3)
ONE, OTHER = RNG.normal(size=(5, 3)), RNG.normal(size=(7, 3))


def least_cost(d, i, j):
    """By the recursion itself, every path tried."""
    if i == j == 0:
        return 2 * d[0, 0]
    before = [(i - 1, j, 1), (i, j - 1, 1), (i - 1, j - 1, 2)]
    return min(least_cost(d, a, b) + weight * d[i, j] for a, b, weight in before if a >= 0 <= b)


def test_the_least_cost_is_that_of_all_paths():
    d = frame_distances(ONE, OTHER)
    np.testing.assert_allclose(d[2, 4], np.linalg.norm(ONE[2] - OTHER[4]))
    np.testing.assert_allclose(accumulated(d[None])[0, -1, -1], least_cost(d, 4, 6))


def test_templates_of_other_lengths_do_not_disturb_each_other():
    templates = [RNG.normal(size=(length, 3)) for length in (5, 2, 11)]
    alone = [dtw_distances(OTHER, [template])[0] for template in templates]
    np.testing.assert_allclose(dtw_distances(OTHER, templates), alone)
    np.testing.assert_allclose(alone[1], dtw_distances(templates[1], [OTHER])[0])


def test_a_path_costs_the_distance():
    path, d = dtw_path(ONE, OTHER), frame_distances(ONE, OTHER)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [4, 6]
    steps = np.diff(path, axis=0)
    assert set(map(tuple, steps.tolist())) <= {(0, 1), (1, 0), (1, 1)}
    weights = np.concatenate([[2], steps.sum(axis=1)])
    cost = (weights * d[path[:, 0], path[:, 1]]).sum()
    np.testing.assert_allclose(cost / 12, dtw_distances(OTHER, [ONE])[0])


@pytest.mark.parametrize("times", [1, 2, 3])
def test_slower_speech_is_at_no_distance(times):
    assert dtw_distances(ONE, [np.repeat(ONE, times, axis=0)])[0] < 1e-6
