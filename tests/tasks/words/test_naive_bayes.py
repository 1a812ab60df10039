"""Naive Bayes: by hand, and padding that does not count."""

import numpy as np

from numpy_attention.tasks.words.examples import Labelled
from numpy_attention.tasks.words.naive_bayes import ADDED, counted, naive_bayes

TRAIN = Labelled(np.array([[1, 2, 1], [2, 3, 0], [3, 0, 0]]), np.array([3, 2, 1]), np.array([0, 1, 1]))


def test_probabilities_are_those_of_bayes():
    test = Labelled(np.array([[1, 3]]), np.array([2]), np.array([0]))
    a, size = ADDED, 3 + 4 * ADDED
    joint = [1 / 3 * (2 + a) / size * a / size, 2 / 3 * a / size * (2 + a) / size]
    found = naive_bayes(TRAIN, test, symbols=4, classes=2)
    np.testing.assert_allclose(np.exp(found), [np.array(joint) / sum(joint)], rtol=1e-12)


def test_padding_is_not_counted():
    np.testing.assert_array_equal(counted(TRAIN, 4), [[0, 2, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]])
