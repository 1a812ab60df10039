"""Targets as distributions."""

import numpy as np

from numpy_attention.functional.losses.targets import is_distribution, target_distribution, target_entries

ROWS, COUNTED = np.zeros((2, 4), np.float32), np.array([[True], [False]])
CLASSES = np.array([[3], [7]])


def test_classes_are_spread_by_smoothing_and_weighted() -> None:
    """C = 4, ε = 0.2: 0.85 at the target, 0.05 elsewhere; an ignored class outside is nowhere."""
    found = target_distribution(ROWS, CLASSES, COUNTED, 0.2, np.array([1, 2, 3, 4], np.float32))
    np.testing.assert_allclose(found, [[0.05, 0.1, 0.15, 3.4], [0.05, 0.1, 0.15, 0.2]], rtol=1e-6)
    assert found.dtype == np.float32


def test_distributions_are_smoothed() -> None:
    given = np.array([[1.0, 0, 0, 0], [0.25] * 4])
    found = target_distribution(ROWS, given, COUNTED, 0.2, None)
    np.testing.assert_allclose(found, [[0.85, 0.05, 0.05, 0.05], [0.25] * 4], rtol=1e-15)
    assert is_distribution(given, (2, 4))
    assert not is_distribution(CLASSES, (2, 1))


def test_entries_are_those_of_counted_targets() -> None:
    rows, classes = target_entries(CLASSES, COUNTED)
    assert (rows.tolist(), classes.tolist()) == ([0], [3])
