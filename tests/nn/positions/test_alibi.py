"""ALiBi's slopes for any number of heads, and its bias anywhere."""

import numpy as np

import numpy_attention as na
from numpy_attention import nn

X = np.random.default_rng(0).standard_normal((2, 5, 6))


def published(heads):
    """The loop of the paper's code."""

    def of_power(n):
        start = 2 ** (-(2 ** -(np.log2(n) - 3)))
        return [start * start**i for i in range(n)]

    if np.log2(heads).is_integer():
        return of_power(heads)
    below = 2 ** int(np.floor(np.log2(heads)))
    return of_power(below) + published(2 * below)[0::2][: heads - below]


def test_slopes_are_the_published_ones():
    for heads in range(1, 67):
        np.testing.assert_allclose(nn.alibi_slopes(heads), published(heads), rtol=1e-13)


def test_the_layer_adds_the_bias():
    layer = nn.MultiHeadAttention(6, 3, positions=nn.ALiBi(3))
    params = layer.init(np.random.default_rng(1))
    q, k, v = (layer_heads(params, X, n) for n in range(3))
    expected = na.attention(q, k, v, bias=na.alibi(nn.alibi_slopes(3)), mask=na.causal())
    _, saved = layer.forward(params, X, mask=na.causal())
    joined = np.swapaxes(expected, 1, 2).reshape(X.shape)
    np.testing.assert_allclose(saved.out_proj.x, joined, rtol=1e-12)


def layer_heads(params, x, place):
    weight = params["in_proj_weight"][6 * place : 6 * place + 6]
    return np.swapaxes((x @ weight.T).reshape(2, 5, 3, 2), 1, 2)


def test_the_distance_is_that_of_the_positions():
    """Queries at 3 and 4 of the keys 0 to 4; a shift of both changes nothing."""
    layer = nn.MultiHeadAttention(6, 3, positions=nn.ALiBi(3))
    params = layer.init(np.random.default_rng(1))
    whole = layer.forward(params, X)[0][:, 3:]
    places = {"query_positions": [3, 4]}
    np.testing.assert_allclose(layer.forward(params, X[:, 3:], X, **places)[0], whole, rtol=1e-12)
    shifted = {"query_positions": [[13, 14]], "key_positions": np.arange(10, 15)}
    np.testing.assert_allclose(layer.forward(params, X[:, 3:], X, **shifted)[0], whole, rtol=1e-12)
