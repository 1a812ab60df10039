"""Mistakes with the softcap, by hand: softcap 2, scores (0, log 3), capped (0, 1), slope 3/4."""

from math import exp, log

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from tests.support.fault_problems import RIGHT, TWO_KEYS, changed, is_active, results, wrong

ARRAYS = (TWO_KEYS[0], np.array([[0.0], [log(3)]]), *TWO_KEYS[2:])

SLOPE = {
    "softcap-without-derivative": 1,
    "softcap-of-the-raw-argument": 0.36,  # sech²(log 3) = (2 / (3 + 1/3))²
    "softcap-times-cap": 1.5,
    "softcap-one-minus-t": 0.5,
    "softcap-scores-times-tanh": 1 - (log(3) / 4) ** 2,
}


@pytest.mark.parametrize("name, slope", SLOPE.items())
def test_slope_by_hand(name, slope):
    right = results(RIGHT, *ARRAYS, softcap=2.0)["d_key"][1].item()
    assert wrong(name, *ARRAYS, softcap=2.0)["d_key"][1].item() / right == pytest.approx(slope / 0.75)
    assert is_active(name, *ARRAYS, softcap=2.0)


def test_scores_capped_at_one_by_hand():
    lse = wrong("softcap-not-multiplied-back", *ARRAYS, softcap=2.0)["lse"].item()
    assert lse == pytest.approx(log(1 + exp(0.5)))


@pytest.mark.parametrize("name", ["softcap-times-cap", "softcap-not-multiplied-back"])
def test_a_softcap_of_one_hides_the_factor(name):
    assert not changed(name, *ARRAYS, softcap=1.0)
    assert not is_active(name, *ARRAYS, softcap=1.0)


def test_a_hidden_key_capped_after_the_mask_gets_a_weight():
    mask = na.visible(np.array([[True, False]]))
    weights = wrong("softcap-after-the-mask", *ARRAYS, softcap=2.0, mask=mask)["weights"]
    np.testing.assert_allclose(weights, [[1 / (1 + exp(-2)), exp(-2) / (1 + exp(-2))]])
    assert not is_active("softcap-after-the-mask", *ARRAYS, softcap=2.0)


@pytest.mark.parametrize("name", [each.name for each in FAULTS if each.family == "softcap"])
def test_without_a_softcap_no_fault_is_active(name):
    assert not is_active(name, *ARRAYS)


def test_a_bias_below_the_softcap_is_capped():
    """2 tanh((0, log 3) / 2) = (0, 1), for scores of 0 and a bias of log 3."""
    found = wrong("softcap-after-the-bias", *TWO_KEYS, softcap=2.0, bias=np.array([[0, log(3)]]))
    np.testing.assert_allclose(found["weights"], [[1 / (1 + exp(1)), exp(1) / (1 + exp(1))]])
    assert not is_active("softcap-after-the-bias", *TWO_KEYS, softcap=2.0)
