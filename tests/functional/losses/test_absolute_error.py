"""Absolute error."""

import numpy as np
import pytest

from numpy_attention.functional.losses.absolute_error import (
    mean_absolute_error,
    mean_absolute_error_backward,
    mean_absolute_error_forward,
)


def test_by_hand():
    predictions, targets = np.array([1.0, 5.0, 2.0]), [4, 3, 2]
    assert mean_absolute_error([1, 5, 2], targets) == 5 / 3
    assert mean_absolute_error(predictions, targets, reduction="sum") == 5
    assert mean_absolute_error(predictions, targets, reduction="none").tolist() == [3, 2, 0]
    _, saved = mean_absolute_error_forward(predictions, targets, reduction="none")
    assert mean_absolute_error_backward(np.array([1.0, 10.0, 7.0]), saved).tolist() == [-1, 10, 0]
    _, saved = mean_absolute_error_forward(predictions, targets)
    assert mean_absolute_error_backward(3.0, saved).tolist() == [-1, 1, 0]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_sum_beyond_the_range_gives_a_finite_mean(dtype):
    x = np.full(5, np.finfo(dtype).max)
    assert mean_absolute_error(x, np.zeros(5)) == x[0]


def test_of_nothing_is_0():
    with np.errstate(all="raise"):
        assert mean_absolute_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: mean_absolute_error([1, 2], [1]), ValueError, r"targets has shape \(1,\); that of pred"),
        (lambda: mean_absolute_error([1], [1j]), TypeError, "targets has dtype complex128; real"),
        (lambda: mean_absolute_error([1], [1], reduction=None), ValueError, "reduction is None"),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
