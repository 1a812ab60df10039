"""The linear map."""

import numpy as np
import pytest

from numpy_attention.functional.layers.linear import linear, linear_backward, linear_forward
from tests.support.complex_step import check_pair, close

PAIR = (linear_forward, linear_backward)


@pytest.fixture
def rng():
    return np.random.default_rng(23)


def test_by_hand():
    x, weight, bias = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([0.0, 10.0])
    out, saved = linear_forward(x, weight, bias)
    assert out.tolist() == [[11, 27]]
    d = linear_backward(np.array([[1.0, 100.0]]), saved)
    assert d.d_x.tolist() == [[503, 604]]
    assert d.d_weight.tolist() == [[1, 2], [100, 200]]
    assert d.d_bias.tolist() == [1, 100]
    assert linear([1, 2], [[3, 4]]).tolist() == [11]


@pytest.mark.parametrize(
    "x, weight, bias",
    [
        ((5,), (3, 5), None),
        ((5,), (3, 5), (3,)),
        ((7, 5), (3, 5), (3,)),
        ((2, 7, 5), (3, 5), (3,)),
        ((2, 7, 5), (3, 5), (1,)),
        ((2, 7, 5), (3, 5), ()),
        ((1, 1), (1, 1), (1,)),
        ((0, 5), (3, 5), (3,)),
        ((7, 0), (3, 0), (3,)),
        ((7, 5), (0, 5), (0,)),
        ((2, 0, 5), (3, 5), None),
    ],
    ids=str,
)
def test_gradients(x, weight, bias, rng):
    bias = None if bias is None else np.asarray(rng.standard_normal(bias))
    check_pair(*PAIR, rng.standard_normal(x), rng.standard_normal(weight), bias)


@pytest.mark.parametrize("size", [1e-8, 1e4])
def test_gradients_of_all_sizes(size, rng):
    x, weight, bias = size * rng.standard_normal((7, 5)), rng.standard_normal((3, 5)), np.ones(3)
    check_pair(*PAIR, x, weight, bias)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes(dtype, rng):
    x, weight = rng.standard_normal((7, 5)).astype(dtype), rng.standard_normal((3, 5)).astype(dtype)
    for bias in (None, np.ones(3), np.ones(3, dtype="float16"), 1.0):
        out, saved = linear_forward(x, weight, bias)
        assert out.dtype == dtype
        d = linear_backward(np.ones(out.shape), saved)
        assert d.d_x.dtype == d.d_weight.dtype == dtype
        if bias is not None and out.dtype.kind == "f":
            assert d.d_bias.dtype == np.asarray(bias).dtype
    assert linear(x, weight.astype("complex128")).dtype == np.complex128
    assert linear(x, weight, 1j).dtype == np.result_type(dtype, np.complex64)


def test_float16_is_computed_in_float32():
    x, weight = np.full((1, 1000), 256, np.float16), np.ones((1, 1000), np.float16)
    assert linear(x, weight, -255_999.0) == 1


def test_long_sums_of_float32_keep_their_digits():
    """d_bias sums a million ones and eighths, which NumPy's own sum over the first axis cannot."""
    x, weight = np.zeros((1_000_003, 1), np.float32), np.ones((1, 1), np.float32)
    _, saved = linear_forward(x, weight, np.zeros(1, np.float32))
    d_out = np.full((1_000_003, 1), 0.1, np.float32)
    assert linear_backward(d_out, saved).d_bias[0] == np.float32(d_out.astype(float).sum())


def test_layouts(rng):
    given = rng.standard_normal((2, 7, 5)), rng.standard_normal((3, 5)), rng.standard_normal(3)
    out, saved = linear_forward(*given)
    d_out = rng.standard_normal(out.shape)
    d = linear_backward(d_out, saved)
    for layout in (np.asfortranarray, lambda x: x[..., ::-1].copy()[..., ::-1]):
        again, saved = linear_forward(*map(layout, given))
        assert close(again, out, rtol=1e-13, atol=1e-13)
        for left, right in zip(linear_backward(layout(d_out), saved), d, strict=True):
            assert close(left, right, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "arguments, error, sentence",
    [
        ((1.0, [[1]]), ValueError, r"x has shape \(\); at least 1 axes"),
        (([1], [1]), ValueError, r"weight has shape \(1,\); \(out_features, in_features\)"),
        (([1], [[[1]]]), ValueError, r"weight has shape \(1, 1, 1\)"),
        (([1, 2], [[1]]), ValueError, "the last axis of x is 2, but in_features of weight is 1"),
        (([1], [[1], [2]], [1, 2, 3]), ValueError, r"bias has shape \(3,\), which does not broadcast"),
        (([1], [[1], [2]], [[1, 2]]), ValueError, r"to out_features of weight \(2,\)"),
        (([True], [[1]]), TypeError, "x has dtype bool"),
        (([1], [["a"]]), TypeError, "weight is"),
    ],
)
def test_errors(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        linear(*arguments)


def test_errors_of_the_pair(rng):
    with pytest.raises(TypeError, match="weight has dtype int64"):
        linear_forward(np.ones(2), np.ones((3, 2), int))
    _, saved = linear_forward(np.ones((7, 5)), np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"d_out has shape \(3, 7\); that of the output, \(7, 3\)"):
        linear_backward(np.ones((3, 7)), saved)


def test_against_torch(peer, rng):
    torch = peer("torch")
    given = rng.standard_normal((2, 7, 5)), rng.standard_normal((3, 5)), rng.standard_normal(3)
    out, saved = linear_forward(*given)
    d_out = rng.standard_normal(out.shape)
    theirs = [torch.tensor(a, requires_grad=True) for a in given]
    their_out = torch.nn.functional.linear(*theirs)
    their_out.backward(torch.tensor(d_out))
    assert close(out, their_out.detach(), rtol=1e-13, atol=1e-14)
    for gradient, tensor in zip(linear_backward(d_out, saved), theirs, strict=True):
        assert close(gradient, tensor.grad, rtol=1e-13, atol=1e-13)
