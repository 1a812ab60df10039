"""Squared error."""

import numpy as np
import pytest

from numpy_attention.functional.losses.squared_error import (
    mean_squared_error,
    mean_squared_error_backward,
    mean_squared_error_forward,
)


def test_by_hand():
    predictions, targets = np.array([1.0, 5.0]), [4, 3]
    assert mean_squared_error([1, 5], targets) == 6.5
    assert mean_squared_error(predictions, targets, reduction="sum") == 13
    assert mean_squared_error(predictions, targets, reduction="none").tolist() == [9, 4]
    _, saved = mean_squared_error_forward(predictions, targets)
    assert mean_squared_error_backward(1.0, saved).tolist() == [-3, 2]
    _, saved = mean_squared_error_forward(predictions, targets, reduction="none")
    assert mean_squared_error_backward(np.array([1.0, 10.0]), saved).tolist() == [-6, 40]
    assert mean_squared_error(3.0, True) == 4


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_squares_beyond_the_range_give_a_finite_mean(dtype):
    largest = np.finfo(dtype).max
    x = np.array([1.25 * largest**0.5, 0, 0, 0], dtype)
    expected = x[0] / 4 * np.float64(x[0])
    assert mean_squared_error(x, np.zeros(4, dtype)) == pytest.approx(
        expected, rel=float(np.finfo(dtype).eps)
    )


def test_of_nothing_is_0():
    with np.errstate(all="raise"):
        assert mean_squared_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (
            lambda: mean_squared_error([1, 2], [1]),
            ValueError,
            r"targets has shape \(1,\); that of predictions, \(2,\), is expected",
        ),
        (lambda: mean_squared_error([1], [1j]), TypeError, "targets has dtype complex128; real"),
        (lambda: mean_squared_error([1], [1], reduction=None), ValueError, "reduction is None"),
        (lambda: mean_squared_error([1], ["a"]), TypeError, "targets is list .dtype <U1.; an array"),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
