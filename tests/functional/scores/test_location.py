"""Location scores."""

import numpy as np
import pytest

from numpy_attention.functional.scores.location import (
    location_scores,
    location_scores_backward,
    location_scores_forward,
)
from tests.support.judges import close


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


def test_a_weight_for_each_head(rng):
    x, weight = rng.standard_normal((2, 3, 5)), rng.standard_normal((7, 5))
    out, saved = location_scores_forward(x[:, None], weight)
    assert out.shape == (2, 7, 3)
    assert close(out[:, 4], location_scores(x, weight[4]), rtol=1e-14)
    assert location_scores_backward(np.ones(out.shape), saved).d_bias is None


def test_bias_promotes_only_if_complex(rng):
    x, weight = rng.standard_normal((3, 5)).astype("float16"), rng.standard_normal(5).astype("float16")
    for bias in (None, 2.0, np.float64(2), np.array(2.0, dtype="float16")):
        out, saved = location_scores_forward(x, weight, bias)
        assert out.dtype == np.float16
        d_bias = location_scores_backward(np.ones(3), saved).d_bias
        assert bias is None or d_bias.dtype == np.asarray(bias).dtype
    assert location_scores(x, weight, 1j).dtype == np.complex64


def test_float16_is_computed_in_float32():
    x = np.full((1, 1000), 256, dtype=np.float16)
    assert location_scores(x, np.ones(1000, np.float16), -255_999.0) == 1


@pytest.mark.parametrize(
    "arguments, error, sentence",
    [
        (([1], [1]), ValueError, r"x has shape \(1,\); at least 2 axes"),
        (([[1]], 1.0), ValueError, r"weight has shape \(\); at least 1 axis"),
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
