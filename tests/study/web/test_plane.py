"""Vectors in the plane, and convex hulls."""

import numpy as np
import pytest

from numpy_attention.study.web.plane import flatten, hull


def test_vectors_of_width_2_stay_as_they_are():
    rows = np.array([[1.0, 2.0], [3.0, -4.0]])
    (same,), said = flatten([rows])
    assert same is rows
    assert said == ""


def test_vectors_in_one_plane_keep_their_lengths_and_angles():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((5, 2)) @ rng.standard_normal((2, 7))
    first, second = flatten([rows[:2], rows[2:]]).groups
    assert np.allclose(np.vstack([first, second]) @ first.T, rows @ rows[:2].T)
    assert flatten([rows]).said == "They have 7 numbers each and lie in one plane, which is drawn."


def test_what_rounding_leaves_outside_of_the_plane_is_not_said():
    rows = np.array([[3.0, 0.0, 1e-6], [0.0, 2.0, 0.0]])
    assert flatten([rows, -rows[:, ::-1]]).said.endswith("%.")
    assert flatten([rows, [[1.0, 1.0, -1e-6]]]).said.endswith("in one plane, which is drawn.")


def test_the_plane_holds_the_share_that_is_said():
    rows = np.random.default_rng(1).standard_normal((6, 5))
    (flat,), said = flatten([rows])
    share = 100 * (flat**2).sum() / (rows**2).sum()
    assert said.endswith(f"{share:.0f} %.")
    assert share > 40  # any plane of the axes holds less than the leading one


def test_a_single_vector_and_vectors_of_0_are_drawn():
    (one,), _ = flatten([np.array([[3.0, 0.0, 4.0]])])
    assert np.allclose(one, [[5, 0]])
    (zero,), said = flatten([np.zeros((2, 3))])
    assert not zero.any()
    assert "one plane" in said


@pytest.mark.parametrize(
    "points, corners", [([[1, 1]], 1), ([[0, 0], [1, 1], [2, 2]], 2), ([[0, 0], [1, 0], [0, 1]], 3)]
)
def test_hulls_of_few_points(points, corners):
    assert len(hull(np.array(points, dtype=float))) == corners
