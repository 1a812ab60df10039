"""Rates of rotary positions for longer sequences."""

import numpy as np
import pytest

from numpy_attention.nn.positions.scaling import LinearScaling, NTKScaling, YaRNScaling, rates_of


def test_linear_squeezes_positions():
    rates, amplitude = LinearScaling(4.0).rates(8, 100.0)
    np.testing.assert_allclose(rates, rates_of(8, 100.0) / 4)
    assert amplitude == 1


def test_ntk_keeps_the_fastest_and_squeezes_the_slowest():
    rates, amplitude = NTKScaling(4.0).rates(8, 100.0)
    plain = rates_of(8, 100.0)
    assert rates[0] == plain[0]
    assert amplitude == 1
    np.testing.assert_allclose(rates[-1], plain[-1] / 4)


def test_yarn_keeps_fast_pairs_and_squeezes_slow_ones():
    """Pairs that turn over 32 times within 4,096 positions stay, those below one turn are divided."""
    rates, amplitude = YaRNScaling(16.0, 4096).rates(128, 10000.0)
    plain = rates_of(128, 10000.0)
    turns = 4096 * plain / (2 * np.pi)
    np.testing.assert_allclose(rates[turns > 34], plain[turns > 34])
    np.testing.assert_allclose(rates[turns < 0.9], plain[turns < 0.9] / 16)
    assert (np.diff(rates / plain) <= 0).all()
    assert amplitude == pytest.approx(0.1 * np.log(16) + 1)
    assert YaRNScaling(16.0, 4096, amplitude=1.0).rates(8, 100.0)[1] == 1


def test_settings_that_make_no_scaling():
    for kind in (LinearScaling, NTKScaling, lambda factor: YaRNScaling(factor, 8)):
        with pytest.raises(ValueError, match=r"^factor is 0.5; a number >= 1"):
            kind(0.5)
    with pytest.raises(ValueError, match=r"^slow is 0; a positive number"):
        YaRNScaling(2.0, 8, slow=0)
