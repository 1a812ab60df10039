"""Attention pooling: learned queries, padding, one vector or several."""

import numpy as np

import numpy_attention as na
from numpy_attention import nn

X = np.random.default_rng(0).standard_normal((2, 5, 4))


def test_it_is_attention_of_the_queries_to_the_tokens():
    layer = nn.AttentionPooling(4, 2, queries=3)
    params = layer.init(np.random.default_rng(1))
    queries = np.broadcast_to(params["queries"], (2, 3, 4))
    expected, _ = layer.attend.forward(params["attention"], queries, X, X)
    out, saved = layer.forward(params, X)
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    assert out.shape == (2, 3, 4)
    assert saved.weights.shape == (2, 2, 3, 5)


def test_padding_has_no_influence():
    layer = nn.AttentionPooling(4, 2)
    params = layer.init(np.random.default_rng(1))
    out, saved = layer.forward(params, X, mask=na.padding([3, 5]))
    changed = X.copy()
    changed[0, 3:] = 1e6
    np.testing.assert_array_equal(layer.forward(params, changed, mask=na.padding([3, 5]))[0], out)
    d_x, _ = layer.backward(out, saved)
    assert out.shape == (2, 4)
    assert not d_x[0, 3:].any()
    np.testing.assert_allclose(layer.forward(params, X[:1, :3])[0], out[:1], rtol=1e-13)
