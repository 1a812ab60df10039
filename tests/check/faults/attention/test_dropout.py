"""Mistakes with dropout, by hand: weights (1/2, 1/2), multipliers (2, 0), values (1, 3)."""

import numpy as np
import pytest

from tests.support.fault_problems import RIGHT, TWO_KEYS, is_active, results, wrong

MULTIPLIERS = np.array([[2.0, 0.0]])

RESULTS = {  # out, d_scores, d_value
    "dropout-of-another-mask": (1, (-1.5, 1.5), (1, 0)),
    "dropout-forgotten-in-backward": (1, (-0.5, 0.5), (1, 0)),
    "dropout-not-rescaled": (0.5, (0.25, -0.25), (0.5, 0)),
    "dropout-forgotten-in-d-value": (1, (0.5, -0.5), (0.5, 0.5)),
}


def numbers(found):
    return found["out"].item(), tuple(found["d_key"][:, 0]), tuple(found["d_value"][:, 0])


def test_right_results_by_hand():
    assert numbers(results(RIGHT, *TWO_KEYS, dropout=MULTIPLIERS)) == (1, (0.5, -0.5), (1, 0))


@pytest.mark.parametrize("name, expected", RESULTS.items())
def test_results_by_hand(name, expected):
    assert numbers(wrong(name, *TWO_KEYS, dropout=MULTIPLIERS)) == expected
    assert is_active(name, *TWO_KEYS, dropout=MULTIPLIERS)
    assert not is_active(name, *TWO_KEYS)
