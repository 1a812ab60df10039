"""Mistakes in the online softmax, by hand: two blocks of one key, scores (0, log 3), values (1, 3)."""

from math import log

import numpy as np
import pytest

from tests.support.fault_problems import RIGHT, TWO_KEYS, changed, is_active, results, wrong

RISING = (TWO_KEYS[0], np.array([[0.0], [log(3)]]), *TWO_KEYS[2:])

OUT_AND_LSE = {
    "stale-maximum": (1, log(10)),  # the sum 1 / 3 + 3 for 1 / 3 + 1
    "sum-not-rescaled": (5 / 3, log(6)),  # 1 + 1
    "output-not-rescaled": (3, log(4)),
    "last-block-only": (3, log(3)),
    "lse-in-wrong-base": (2.5, 2),
    "lse-without-maximum": (2.5, log(4 / 3)),
}


def test_right_output_and_lse_by_hand():
    right = results(RIGHT, *RISING)
    assert (right["out"].item(), right["lse"].item()) == pytest.approx((2.5, log(4)))


@pytest.mark.parametrize("name, out_and_lse", OUT_AND_LSE.items())
def test_output_and_lse_by_hand(name, out_and_lse):
    found = wrong(name, *RISING)
    assert (found["out"].item(), found["lse"].item()) == pytest.approx(out_and_lse)
    assert is_active(name, *RISING)


@pytest.mark.parametrize("name", ["stale-maximum", "sum-not-rescaled", "output-not-rescaled"])
def test_a_maximum_that_does_not_rise_hides_the_rescaling(name):
    assert not changed(name, *TWO_KEYS)


def test_lse_without_gradient_needs_a_cotangent_of_lse():
    """d_scores gains weights * d_lse = (1/2, 1/2) in the right backward."""
    d_lse = np.ones(1)
    assert changed("lse-without-gradient", *TWO_KEYS, d_lse=d_lse) == {"d_key"}
    assert not is_active("lse-without-gradient", *TWO_KEYS)


def test_row_sum_of_last_block_by_hand():
    """Σ weights * d_weights is 3/2 over the last key alone, for 2."""
    np.testing.assert_allclose(wrong("row-sum-of-last-block", *TWO_KEYS)["d_key"][:, 0], (-0.25, 0.75))
