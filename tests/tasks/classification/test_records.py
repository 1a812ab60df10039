"""Focus and overlap of heads, for values that a hand can compute."""

import math

import numpy as np
import pytest

from numpy_attention.tasks.classification.records import epoch_records, focus


def test_focus_is_0_for_uniform_and_1_for_a_single_token():
    assert focus(np.full((2, 3, 1, 5), 0.2)) == pytest.approx(0, abs=1e-15)
    assert focus(np.eye(5)[None, None]) == 1


def test_focus_of_uneven_weights():
    weights = np.array([0.5, 0.25, 0.25, 0.0]).reshape(1, 1, 1, 4)
    assert focus(weights) == pytest.approx(1 - 1.5 / 2)  # 1.5 bits of 2


def test_focus_counts_real_tokens_only():
    weights = np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]).reshape(2, 1, 1, 4)
    assert focus(weights, np.array([2, 1])) == pytest.approx(0, abs=1e-15)
    assert math.isnan(focus(weights[1:], np.array([1])))
    assert math.isnan(focus(np.ones((3, 1, 1, 1))))


def test_records_by_name():
    params = {"w": {"weight": np.array([2.0])}, "temperature": {"log_temperature": np.log([2.0, 0.5])}}
    start = {"w": {"weight": np.array([1.0])}, "temperature": {"log_temperature": np.zeros(2)}}
    told = epoch_records({"pooling": np.full((1, 2, 1, 4), 0.25)}, params, start)
    assert told == pytest.approx(
        {
            "focus.pooling": 0.0,
            "alike.pooling": 1.0,
            "temperature.pooling.1": 2.0,
            "temperature.pooling.2": 0.5,
            "moved.w.weight": 1.0,
        }
    )
