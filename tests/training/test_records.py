"""How far parameters have moved, for values that a hand can compute."""

import numpy as np
import pytest

from numpy_attention.training.records import (
    direction_shares,
    drift_lines,
    moved,
    moved_in_epoch,
    relative_change,
)


def test_relative_change_of_parameters():
    start = {"a": {"weight": np.array([[3.0, 4.0]]), "bias": np.zeros(2)}}
    now = {"a": {"weight": np.array([[3.0, 7.0]]), "bias": np.ones(2)}}
    assert relative_change(now, start) == {
        "a.weight": 0.6
    }  # a bias starts at 0: there is nothing to compare with
    assert moved(now, start) == {"moved.a.weight": 0.6}


def test_the_change_of_an_epoch_is_in_units_of_the_initial_value():
    start, before, now = ({"a": np.array([3.0, x]), "b": np.array([y])} for x, y in ((4, 0), (7, 5), (9, 6)))
    assert moved_in_epoch(now, before, start) == {"moved_in_epoch.a": 0.4}


def test_directions_of_a_change():
    outer = np.outer([1.0, 2.0, -1.0], [3.0, 0.0, 4.0, 1.0])
    assert direction_shares(outer)[0] == pytest.approx(1)
    assert direction_shares(np.diag([3.0, 2.0, 1.0])) == pytest.approx([9 / 14, 4 / 14, 1 / 14])
    assert direction_shares(np.ones((2, 3, 5))).shape == (5,)  # (6, 5)
    assert direction_shares(np.zeros((2, 3))).size == 0


def test_the_table_names_what_moved_most_first_and_counts_the_rest():
    start = {f"w{n}": np.eye(3) for n in range(12)} | {"norm": np.ones(4), "still": np.ones(2)}
    now = {f"w{n}": np.eye(3) * (1 + (n + 1) / 100) for n in range(12)}
    now["w5"] = np.eye(3) + np.diag([3.0, 0.0, 0.0])
    now |= {"norm": np.full(4, 1.5), "still": np.ones(2)}
    _, head, *rows = drift_lines(now, start, {"moved_in_epoch.w5": 0.25})
    assert head.split()[:3] == ["What", "moved", "most"]
    assert rows[0].split() == ["w5", "1.732", "0.250", "1.000", "1", "of", "3"]
    assert rows[1].split() == ["norm", "0.500", "nan", "-"]
    assert rows[2].split() == ["w11", "0.120", "nan", "0.333", "3", "of", "3"]
    assert len(rows) == 11
    assert rows[-1] == "… and 3 more, at most 0.030"
    assert drift_lines(start, start, {}) == []
