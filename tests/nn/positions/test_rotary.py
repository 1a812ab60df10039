"""Rotary positions as a layer and inside an attention."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 5, 6))


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
@pytest.mark.parametrize("width", [None, 4])
def test_the_layer_is_the_function(layout, width):
    layer = nn.Rotary(width, layout=layout, base=500.0, offset=3)
    expected = na.rotary(X, np.arange(3, 8), layout=layout, width=width, base=500.0)
    np.testing.assert_allclose(layer.forward({}, X)[0], expected, rtol=1e-13)
    places = np.array([[4, 5, 6, 7, 8], [0, 1, 2, 3, 4]])
    expected = na.rotary(X, places[:, None] + 3, layout=layout, width=width, base=500.0)
    np.testing.assert_allclose(layer.forward({}, X, positions=places)[0], expected, rtol=1e-13)


def test_an_attention_sees_distances_alone():
    layer = nn.MultiHeadAttention(8, 2, positions=nn.Rotary())
    params = layer.init(RNG)
    x = RNG.standard_normal((2, 5, 8))
    out, _ = layer.forward(params, x, mask=na.causal())
    later, _ = layer.forward(params, x, mask=na.causal(), query_positions=np.arange(5) + 100)
    np.testing.assert_allclose(later, out, rtol=1e-11)
    assert np.abs(layer.forward(params, x[:, ::-1])[0][:, ::-1] - layer.forward(params, x)[0]).max() > 1e-3
    last, _ = layer.forward(params, x[:, 4:], x, query_positions=[4])
    np.testing.assert_allclose(last, layer.forward(params, x)[0][:, 4:], rtol=1e-11)


def test_values_are_not_turned():
    layer = nn.MultiHeadAttention(8, 2, positions=nn.Rotary())
    plain, params = nn.MultiHeadAttention(8, 2), layer.init(RNG)
    x = RNG.standard_normal((1, 1, 8))
    np.testing.assert_allclose(
        layer.forward(params, x, query_positions=[7])[0], plain.forward(params, x)[0], rtol=1e-13
    )


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"width": 3}, ValueError, "width is 3; an even whole number"),
        ({"layout": "half"}, ValueError, r"layout is 'half' \(did you mean 'halves'\?\)"),
        ({"base": 1.0}, ValueError, "base is 1.0; a number > 1"),
        ({"offset": np.nan}, ValueError, "offset is nan; a finite number"),
        ({"scaling": 2.0}, TypeError, r"scaling is float; nn.LinearScaling\(factor\)"),
    ],
)
def test_options_that_make_no_positions(options, error, message):
    with pytest.raises(error, match=f"^Rotary: {message}"):
        nn.Rotary(**options)


def test_positions_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^Rotary: positions has shape \(4,\); \(..., 5\) is expected"):
        nn.Rotary().forward({}, X, positions=np.arange(4))
    with pytest.raises(ValueError, match=r"^Rotary: x has shape \(2, 3, 5, 5\); an even number of columns"):
        nn.Rotary().forward({}, X[..., :5])
    with pytest.raises(TypeError, match=r"^Rotary: positions has dtype bool"):
        nn.Rotary().forward({}, X, positions=np.ones(5, bool))
