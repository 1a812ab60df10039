"""Squared error."""

import numpy as np
import pytest

from numpy_attention.functional.losses.losses import (
    mean_squared_error,
    mean_squared_error_backward,
    mean_squared_error_forward,
)
from tests.support.complex_step import check_pair, close

SQUARED = (mean_squared_error_forward, mean_squared_error_backward)
REDUCTIONS = ("mean", "sum", "none")
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture
def rng():
    return np.random.default_rng(13)


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


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0,), (2, 0, 3)], ids=str)
def test_gradients(reduction, shape, rng):
    targets = rng.standard_normal(shape)
    check_pair(*SQUARED, rng.standard_normal(shape), data=(targets,), reduction=reduction)


def test_of_nothing_is_0():
    with np.errstate(all="raise"):
        assert mean_squared_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype, rng):
    predictions = rng.standard_normal(5).astype(dtype)
    for kind in ("bool", "int64", "float16", "float64"):
        out, saved = mean_squared_error_forward(predictions, np.ones(5, dtype=kind))
        assert out.dtype == dtype
        assert mean_squared_error_backward(1.0, saved).dtype == dtype


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


def test_a_cotangent_of_another_shape():
    _, saved = mean_squared_error_forward(np.array([0.0]), [0])
    with pytest.raises(ValueError, match=r"d_out has shape \(1,\); that of the output, \(\)"):
        mean_squared_error_backward(np.ones(1), saved)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_against_torch(peer, reduction, rng):
    torch = peer("torch")
    predictions, targets = rng.standard_normal((2, 3, 5))
    out, saved = mean_squared_error_forward(predictions, targets, reduction=reduction)
    theirs = torch.tensor(predictions, requires_grad=True)
    their_out = torch.nn.functional.mse_loss(theirs, torch.tensor(targets), reduction=reduction)
    d_out = rng.standard_normal(np.shape(out))
    their_out.backward(torch.tensor(d_out))
    assert close(out, their_out.detach(), rtol=1e-14)
    assert close(mean_squared_error_backward(d_out, saved), theirs.grad, rtol=1e-14)
