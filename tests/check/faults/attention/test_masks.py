"""Mistakes with the mask: the wrong mask itself, and what it does to a row of two keys."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS, fault
from tests.support.fault_problems import TWO_KEYS, is_active, wrong

CAUSAL = np.tri(3, dtype=bool)
WINDOW = na.window(1, 1, "top_left")

MASK = [each.name for each in FAULTS if each.family == "mask"]
WRONG_MASKS = [
    ("mask-off-by-one", CAUSAL, np.tri(3, k=1, dtype=bool)),
    ("mask-strict", CAUSAL, np.tri(3, k=-1, dtype=bool)),
    ("mask-inverted", CAUSAL, ~CAUSAL),
    ("mask-ignored-beside-causal", CAUSAL & [True, False, True], CAUSAL),
    ("mask-ignored-beside-causal", ~CAUSAL[::-1] | True, np.ones((3, 3), dtype=bool)),
    ("offset-of-the-wrong-sign", np.tri(4, 6, 2, dtype=bool), np.tri(4, 6, -2, dtype=bool)),
    ("offset-of-the-wrong-sign", np.tri(4, 6, -1, dtype=bool), np.tri(4, 6, 1, dtype=bool)),
    ("offset-of-the-wrong-sign", CAUSAL, CAUSAL),
    ("mask-from-the-wrong-corner", na.causal("top_left").array(2, 5), na.causal("bottom_right").array(2, 5)),
    ("mask-from-the-wrong-corner", na.causal("bottom_right").array(2, 5), na.causal("top_left").array(2, 5)),
    ("window-off-by-one-left", WINDOW.array(4, 4), na.window(0, 1, "top_left").array(4, 4)),
    ("window-off-by-one-right", WINDOW.array(4, 4), na.window(1, 2, "top_left").array(4, 4)),
    ("window-unshifted", na.window(1, 0, "bottom_right").array(2, 5), [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
]


@pytest.mark.parametrize("name, visible, expected", WRONG_MASKS)
def test_the_wrong_mask(name, visible, expected):
    np.testing.assert_array_equal(fault(name).function(visible), np.array(expected, dtype=bool))


OUT = [
    ("mask-after-softmax", [True, False], 0.5),  # weights (1/2, 0), not normalised
    ("mask-forgotten", [True, False], 2),
    ("mask-of-a-finite-number", [False, False], 2),  # the mean of the values 1 and 3, for 0
    ("mask-of-a-finite-number", [True, False], 1),
    ("mask-missing-in-backward", [True, False], 1),
]


@pytest.mark.parametrize("name, visible, out", OUT)
def test_output_by_hand(name, visible, out):
    assert wrong(name, *TWO_KEYS, mask=na.visible(np.array([visible])))["out"].item() == pytest.approx(out)


def test_backward_without_the_mask_by_hand():
    """weights exp(0 - lse) = (1, 1), d_weights (1, 0) less that of the peak (0, -1), row sum -1."""
    mask = na.visible(np.array([[True, False]]))
    d_key = wrong("mask-missing-in-backward", *TWO_KEYS, mask=mask)["d_key"]
    np.testing.assert_allclose(d_key[:, 0], (1, 0))  # for (0, 0)


@pytest.mark.parametrize("name", [n for n in MASK if n != "causal-unasked"])
def test_without_a_mask_no_fault_is_active(name):
    assert not is_active(name, *TWO_KEYS)


def test_a_causal_mask_that_nobody_asked_for():
    """The first of two rows sees the first value alone."""
    out = wrong("causal-unasked", np.ones((2, 1)), *TWO_KEYS[1:3], np.ones((2, 1)))["out"]
    np.testing.assert_allclose(out[:, 0], (1, 2))
