"""Numbers in their ranges, and nothing else."""

import numpy as np
import pytest

from numpy_attention.optim.settings import count, decay_rates, not_negative


@pytest.mark.parametrize("x", [0, 2, 0.5, np.float32(0.5), np.float64(0.5), np.array(0.5)])
def test_a_number_comes_out_as_a_python_float(x):
    assert type(not_negative("lr", x)) is float
    assert not_negative("lr", x) == x


@pytest.mark.parametrize("x", [-1e-300, np.nan, np.inf, -np.inf])
def test_numbers_out_of_range_are_refused(x):
    with pytest.raises(ValueError, match=r"^lr is "):
        not_negative("lr", x)


@pytest.mark.parametrize("x", [None, "0.1", True, [0.1], np.ones(2), 1j])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(TypeError, match=r"^lr is "):
        not_negative("lr", x)


@pytest.mark.parametrize("x", [(0, 0), (0.9, 0.999), [np.float32(0.5), 1 - 2**-53]])
def test_decay_rates_come_out_as_python_floats(x):
    assert decay_rates("betas", x) == tuple(x)
    assert all(type(rate) is float for rate in decay_rates("betas", x))


@pytest.mark.parametrize("x", [(0.9, 1), (1.0, 0.9), (-0.1, 0.9), (0.9, np.nan), (np.inf, 0.9)])
def test_decay_rates_out_of_range_are_refused(x):
    with pytest.raises(ValueError, match=r"^betas"):
        decay_rates("betas", x)


@pytest.mark.parametrize("x", [0.9, (0.9,), (0.9, 0.9, 0.9), "ab", None, (0.9, None), (0.9, "0.9")])
def test_what_is_no_pair_of_rates_is_refused(x):
    with pytest.raises(TypeError, match=r"^betas"):
        decay_rates("betas", x)


@pytest.mark.parametrize("x", [1, 7, np.int32(7), np.array(7), np.uint8(7)])
def test_a_count_comes_out_as_a_python_int(x):
    assert type(count("step", x, least=1)) is int
    assert count("step", x, least=1) == x


@pytest.mark.parametrize(
    "x, error", [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ([1], TypeError)]
)
def test_what_is_no_count_is_refused(x, error):
    with pytest.raises(error, match=r"^step "):
        count("step", x, least=1)
