"""Location scores."""

import numpy as np
import pytest

from numpy_attention.functional.scores.location import (
    location_scores,
    location_scores_backward,
    location_scores_forward,
)
from tests.support.complex_step import check_pair, close

PAIR = (location_scores_forward, location_scores_backward)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    out, saved = location_scores_forward(x, np.array([2.0, -1.0]), 10.0)
    assert out.tolist() == [10, 12, 14]
    d = location_scores_backward(np.array([1.0, 0.0, 3.0]), saved)
    assert d.d_x.tolist() == [[2, -1], [0, 0], [6, -3]]
    assert d.d_weight.tolist() == [16, 20]
    assert d.d_bias == 4
    assert location_scores(x.tolist(), [2, -1]).tolist() == [0, 2, 4]


@pytest.mark.parametrize("bias", [None, 0.3, np.array(-0.7), np.float64(2)], ids=str)
@pytest.mark.parametrize(
    "x, weight",
    [
        ((3, 5), (5,)),
        ((2, 3, 5), (5,)),
        ((2, 1, 3, 5), (7, 5)),
        ((3, 5), (2, 5)),
        ((7, 2, 3, 5), (1, 5)),
        ((1, 1), (1,)),
        ((0, 5), (5,)),
        ((3, 0), (0,)),
        ((0, 3, 5), (5,)),
    ],
)
def test_gradients(x, weight, bias, rng):
    check_pair(*PAIR, rng.standard_normal(x), rng.standard_normal(weight), bias)


def test_a_weight_for_each_head(rng):
    x, weight = rng.standard_normal((2, 3, 5)), rng.standard_normal((7, 5))
    out, saved = location_scores_forward(x[:, None], weight)
    assert out.shape == (2, 7, 3)
    assert close(out[:, 4], location_scores(x, weight[4]), rtol=1e-14)
    assert location_scores_backward(np.ones(out.shape), saved).d_bias is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes(dtype, rng):
    x, weight = rng.standard_normal((3, 5)).astype(dtype), rng.standard_normal(5).astype(dtype)
    for bias in (None, 2.0, np.float64(2), np.array(2.0, dtype="float16")):
        out, saved = location_scores_forward(x, weight, bias)
        assert out.dtype == dtype
        d = location_scores_backward(np.ones(3), saved)
        assert d.d_x.dtype == d.d_weight.dtype == dtype
        if bias is not None:
            assert d.d_bias.real.dtype == np.asarray(bias).dtype or out.dtype.kind == "c"
    assert location_scores(x, weight.real.astype("float32"), 1j).dtype.kind == "c"


def test_float16_is_computed_in_float32():
    x = np.full((1, 1000), 256, dtype=np.float16)
    assert location_scores(x, np.ones(1000, np.float16), -255_999.0) == 1


@pytest.mark.parametrize(
    "arguments, error, sentence",
    [
        (([1], [1]), ValueError, r"x has shape \(1,\); at least 2 axes"),
        (([[1]], 1.0), ValueError, r"weight has shape \(\); at least 1 axes"),
        (([[1, 2]], [1]), ValueError, "the last axis of x is 2, but that of weight is 1"),
        (([[1]], [1], [1.0]), ValueError, r"bias has shape \(1,\); one number is expected"),
        (([[1]], [1], True), TypeError, "bias has dtype bool"),
        (
            (np.ones((2, 3, 5)), np.ones((7, 5))),
            ValueError,
            r"do not broadcast together: x \(2,\), weight \(7,\)",
        ),
    ],
)
def test_errors(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        location_scores(*arguments)


def test_a_cotangent_of_another_shape(rng):
    _, saved = location_scores_forward(rng.standard_normal((3, 5)), rng.standard_normal(5))
    with pytest.raises(ValueError, match=r"d_out has shape \(5,\); that of the output, \(3,\)"):
        location_scores_backward(np.ones(5), saved)


def test_against_torch(peer, rng):
    torch = peer("torch")
    given = rng.standard_normal((2, 1, 3, 5)), rng.standard_normal((7, 5)), rng.standard_normal()
    out, saved = location_scores_forward(*given)
    d_out = rng.standard_normal(out.shape)
    x, weight, bias = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in given)
    their_out = (x * weight[:, None, :]).sum(-1) + bias
    their_out.backward(torch.tensor(d_out))
    assert close(out, their_out.detach(), rtol=1e-13, atol=1e-13)
    for gradient, tensor in zip(location_scores_backward(d_out, saved), (x, weight, bias), strict=True):
        assert close(gradient, tensor.grad, rtol=1e-13, atol=1e-13)
