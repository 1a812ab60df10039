"""Mistakes with the row maximum, by hand: two keys of equal scores, exponentials in the range of float32."""

import math

import numpy as np
import pytest

from tests.support.fault_problems import TWO_KEYS, changed, is_active, wrong

SURVIVES = {  # the least and the largest score of a row that stays right
    "no-maximum": (-103, 88),
    "maximum-from-zero": (-103, 1e6),
    "maximum-from-1e4": (-10103, 1e6),
    "maximum-from-5e4": (-50103, 1e6),
}


@pytest.mark.parametrize("name, span", SURVIVES.items())
def test_scores_beyond_the_range_give_nan(name, span):
    for score, is_wrong in (
        (span[0], False),
        (span[0] - 2, True),
        (span[1], False),
        (span[1] + 1, span[1] < 1e6),
    ):
        options = dict(bias=np.full((1, 2), float(score)))
        assert is_active(name, *TWO_KEYS, **options) == is_wrong
        assert np.isnan(wrong(name, *TWO_KEYS, **options)["out"]).any() == is_wrong


def test_a_sink_counts_in_the_row_maximum():
    options = dict(bias=np.full((1, 2), -200.0), sinks=np.array(0.0))
    assert not changed("maximum-from-zero", *TWO_KEYS, **options)
    assert not is_active("maximum-from-zero", *TWO_KEYS, **options)


@pytest.mark.parametrize("name", SURVIVES)
def test_a_fully_masked_row_stays_zero(name):
    assert not changed(name, *TWO_KEYS, bias=np.full((1, 2), -np.inf))


def test_epsilon_adds_to_the_sum():
    assert math.isclose(wrong("epsilon-in-the-sum", *TWO_KEYS)["out"].item(), 4 / 2.0001)
