"""Mistakes with rotary positions, by hand: quarter turns."""

from math import cos, pi, sin

import numpy as np
import pytest

from numpy_attention.check.faults import FAULTS, fault

QUARTER = np.array([pi / 2])
POINT = np.array([[1.0, 0.0]])


@pytest.mark.parametrize("name, d_x", [("rotary-sign", (-1, 0)), ("rotary-forgotten", (0, 1))])
def test_a_quarter_turn_back_by_hand(name, d_x):
    """(0, 1) turned back is (1, 0)."""
    forward, backward = fault(name).pair
    _, saved = forward(POINT, QUARTER)
    np.testing.assert_allclose(backward(np.array([[0.0, 1.0]]), saved), [d_x], atol=1e-12)


def test_a_lost_offset_does_not_turn_the_first_token():
    out, _ = fault("rotary-offset").pair.forward(POINT, QUARTER)
    np.testing.assert_allclose(out, POINT)
    assert not fault("rotary-offset").active({"x": POINT, "positions": np.zeros(1)})


def test_wrong_pairs_are_turned():
    """Entries 0 and 2 in place of 0 and 1."""
    out, _ = fault("rotary-interleaved").pair.forward(np.array([[1.0, 0, 0, 0]]), QUARTER)
    np.testing.assert_allclose(out, [[0, 0, 1, 0]], atol=1e-12)


def test_second_pair_turns_at_the_squared_rate():
    """base 16: the second of two pairs turns by 1/16 of the position, for 1/4."""
    x = np.array([[0.0, 0, 1, 0]])
    out, _ = fault("rotary-rates-of-the-whole-width").pair.forward(x, QUARTER, base=16.0)
    np.testing.assert_allclose(out, [[0, 0, cos(pi / 32), sin(pi / 32)]])


@pytest.mark.parametrize("name", [each.name for each in FAULTS if each.rule == "rotary"])
def test_position_zero_hides_all(name):
    assert not fault(name).active({"x": np.ones((1, 4)), "positions": np.zeros(1)})


@pytest.mark.parametrize("name", ["rotary-interleaved", "rotary-rates-of-the-whole-width"])
def test_one_pair_hides_the_layout(name):
    assert not fault(name).active({"x": POINT, "positions": QUARTER})
