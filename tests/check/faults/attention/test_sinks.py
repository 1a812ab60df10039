"""Mistakes with the sinks, by hand: one key with score 0 and value 3, one sink with score 0."""

from math import log

import numpy as np
import pytest

from tests.support.fault_problems import RIGHT, is_active, results, wrong

ARRAYS = (np.ones((1, 1, 1)), np.zeros((1, 1, 1)), np.full((1, 1, 1), 3.0), np.ones((1, 1, 1)))
SINKS = np.zeros(1)
NAMES = ("out", "lse", "d_key", "d_sinks")

RESULTS = {
    "sink-dropped": (3, 0, 0, 0),
    "sink-with-a-value": (3, log(2), 0.75, -0.75),
    "sink-without-gradient": (1.5, log(2), 0.75, 0),
    "sink-gradient-of-the-wrong-sign": (1.5, log(2), 0.75, 0.75),
    "sink-not-in-the-row-sum": (1.5, log(2), 0, -0.75),
}


def numbers(found):
    return [found[name].item() for name in NAMES]


def test_right_results_by_hand():
    """weights 1/2, row sum 3/2: d_score = 1/2 (3 - 3/2), d_sink = 1/2 (0 - 3/2)."""
    assert numbers(results(RIGHT, *ARRAYS, sinks=SINKS)) == pytest.approx([1.5, log(2), 0.75, -0.75])


@pytest.mark.parametrize("name, expected", RESULTS.items())
def test_results_by_hand(name, expected):
    assert numbers(wrong(name, *ARRAYS, sinks=SINKS)) == pytest.approx(expected)
    assert is_active(name, *ARRAYS, sinks=SINKS)
    assert not is_active(name, *ARRAYS)
