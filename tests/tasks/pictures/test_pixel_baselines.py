"""Counts of grey values: contexts in their place, values by hand, probabilities that add up."""

import numpy as np

from numpy_attention.tasks.pictures.pixel_baselines import (
    histogram_contexts,
    neighbour_contexts,
    probabilities,
)

GREY = np.arange(12).reshape(1, 3, 4)


def test_neighbours_are_above_left_and_above_left():
    above, left, both = neighbour_contexts(GREY, np.zeros(1))
    assert (above[0, 1, 2], left[0, 1, 2], both[0, 1, 2]) == (GREY[0, 0, 2], GREY[0, 1, 1], GREY[0, 0, 1])
    assert (above[0, 0] == 0).all()
    assert (left[0, :, 0] == 0).all()


def test_a_histogram_knows_place_and_class():
    places, classes = histogram_contexts(np.zeros((2, 3, 4), int), np.array([7, 5]))
    np.testing.assert_array_equal(places[1], np.arange(12).reshape(3, 4))
    assert (classes[0] == 7).all()
    assert (classes[1] == 5).all()


def test_probabilities_add_up_and_a_long_context_needs_to_have_been_seen():
    rng = np.random.default_rng(0)
    grey, other = rng.integers(0, 5, (2, 11, 3, 7))
    y = rng.integers(0, 3, 11)
    for contexts in (neighbour_contexts, histogram_contexts):
        p = probabilities(contexts(grey, y), grey, contexts(other, y), 5)
        np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
        assert (p > 0).all()
    seen = (np.zeros((1, 1, 4), int), np.array([[[0, 0, 1, 1]]]))
    p = probabilities(seen, np.array([[[2, 2, 0, 0]]]), (np.zeros((1, 1, 2), int), np.array([[[0, 9]]])), 3)
    first = (np.array([2, 0, 2]) + 2 / 3) / 6  # without a context: (count + 2 / 3) / (4 + 2)
    shorter = (np.array([2, 0, 2]) + 2 * first) / 6
    np.testing.assert_allclose(p[0, 0, 1], shorter)
    np.testing.assert_allclose(p[0, 0, 0], (np.array([0, 0, 2]) + shorter) / 3)
