"""How far parameters have moved, for values that a hand can compute."""

import numpy as np

from numpy_attention.training.records import moved, relative_change


def test_relative_change_of_parameters():
    start = {"a": {"weight": np.array([[3.0, 4.0]]), "bias": np.zeros(2)}}
    now = {"a": {"weight": np.array([[3.0, 7.0]]), "bias": np.ones(2)}}
    assert relative_change(now, start) == {
        "a.weight": 0.6
    }  # a bias starts at 0: there is nothing to compare with
    assert moved(now, start) == {"moved.a.weight": 0.6}
