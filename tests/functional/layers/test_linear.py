"""The linear map."""

import numpy as np
import pytest

from numpy_attention.functional.layers.linear import linear, linear_backward, linear_forward


def test_by_hand():
    x, weight, bias = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([0.0, 10.0])
    out, saved = linear_forward(x, weight, bias)
    assert out.tolist() == [[11, 27]]
    d = linear_backward(np.array([[1.0, 100.0]]), saved)
    assert d.d_x.tolist() == [[503, 604]]
    assert d.d_weight.tolist() == [[1, 2], [100, 200]]
    assert d.d_bias.tolist() == [1, 100]
    assert linear([1, 2], [[3, 4]]).tolist() == [11]


def test_bias_promotes_only_if_complex():
    x, weight = np.ones((7, 5), np.float16), np.ones((3, 5), np.float16)
    for bias in (None, np.ones(3), np.ones(3, dtype="float16"), 1.0):
        out, saved = linear_forward(x, weight, bias)
        assert out.dtype == np.float16
        d_bias = linear_backward(np.ones((7, 3)), saved).d_bias
        assert bias is None or d_bias.dtype == np.asarray(bias).dtype
    assert linear(x, weight.astype("complex128")).dtype == np.complex128
    assert linear(x, weight, 1j).dtype == np.complex64


def test_the_gradient_of_data_is_left_out_if_not_needed():
    x, weight, bias = np.ones((2, 3)), np.ones((5, 3)), np.ones(5)
    _, saved = linear_forward(x, weight, bias)
    d_x, d_weight, d_bias = linear_backward(np.ones((2, 5)), saved, needs_d_x=False)
    assert d_x is None
    assert (d_weight.tolist(), d_bias.tolist()) == ([[2.0] * 3] * 5, [2.0] * 5)


def test_float16_is_computed_in_float32():
    x, weight = np.full((1, 1000), 256, np.float16), np.ones((1, 1000), np.float16)
    assert linear(x, weight, -255_999.0) == 1


def test_long_sums_of_float32_keep_their_digits():
    """d_bias sums a million ones and eighths, which NumPy's own sum over the first axis cannot."""
    x, weight = np.zeros((1_000_003, 1), np.float32), np.ones((1, 1), np.float32)
    _, saved = linear_forward(x, weight, np.zeros(1, np.float32))
    d_out = np.full((1_000_003, 1), 0.1, np.float32)
    assert linear_backward(d_out, saved).d_bias[0] == np.float32(d_out.astype(float).sum())


@pytest.mark.parametrize(
    "arguments, error, sentence",
    [
        ((1.0, [[1]]), ValueError, r"x has shape \(\); at least 1 axis"),
        (([1], [1]), ValueError, r"weight has shape \(1,\); \(out_features, in_features\)"),
        (([1], [[[1]]]), ValueError, r"weight has shape \(1, 1, 1\)"),
        (([1, 2], [[1]]), ValueError, "the last axis of x is 2, but in_features of weight is 1"),
        (([1], [[1], [2]], [1, 2, 3]), ValueError, r"bias has shape \(3,\), which does not broadcast"),
        (([1], [[1], [2]], [[1, 2]]), ValueError, r"to out_features of weight \(2,\)"),
    ],
)
def test_errors(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        linear(*arguments)


def test_many_rows_in_parts_for_threads_give_what_one_product_gives():
    """Twice the least work, 16 parts: no number depends on how many threads take them."""
    rng = np.random.default_rng(4)
    x, weight, bias, d_out = (rng.standard_normal(s) for s in ((2048, 128), (128, 128), 128, (2048, 128)))
    out, saved = linear_forward(x, weight, bias)
    np.testing.assert_allclose(out, x @ weight.T + bias, rtol=0, atol=1e-12)
    for gradient, expected in zip(
        linear_backward(d_out, saved), (d_out @ weight, d_out.T @ x, d_out.sum(axis=0)), strict=True
    ):
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-10)
    few = linear_forward(x[:130], weight, bias)[0]
    np.testing.assert_allclose(few, out[:130], rtol=0, atol=1e-12)
