"""Positions added to embeddings."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn

X = np.random.default_rng(0).standard_normal((2, 5, 4))


def test_waves_are_added_at_the_positions():
    np.testing.assert_allclose(nn.Sinusoidal(4).forward({}, X)[0], X + na.sinusoidal(np.arange(5), 4))
    later = nn.Sinusoidal(4, base=50.0).forward({}, X, positions=np.arange(5) + 7)[0]
    np.testing.assert_allclose(later, X + na.sinusoidal(np.arange(7, 12), 4, 50.0))
    assert nn.Sinusoidal(4).forward({}, X.astype("f4"))[0].dtype == np.float32


def test_rows_are_added_and_their_gradient_sums_over_sequences():
    layer = nn.Learned(7, 4)
    params = layer.init(np.random.default_rng(1))
    out, saved = layer.forward(params, X, positions=[2, 3, 4, 5, 6])
    np.testing.assert_array_equal(out, X + params["weight"][2:])
    d_x, d_params = layer.backward(X, saved)
    np.testing.assert_array_equal(d_x, X)
    np.testing.assert_allclose(d_params["weight"][2:], X.sum(axis=0))
    assert not d_params["weight"][:2].any()


def test_a_sequence_longer_than_the_positions():
    layer = nn.Learned(3, 4)
    params = layer.init(np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"^Learned: x has length 5; there are 3 positions, from 0 to 2$"):
        layer.forward(params, X)
    with pytest.raises(ValueError, match=r"^Learned: positions holds 4; there are 3 positions"):
        layer.forward(params, X, positions=[0, 1, 2, 0, 4])
    with pytest.raises(ValueError, match=r"^Learned: positions has shape \(4,\); \(..., 5\) is expected"):
        layer.forward(params, X, positions=np.arange(4))
    with pytest.raises(ValueError, match=r"^Sinusoidal: width is 3; an even whole number"):
        nn.Sinusoidal(3)
