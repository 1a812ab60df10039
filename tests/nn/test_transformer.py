"""Encoder and decoder layers: their equations once more, the seeds of their dropout, and what masks hide."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.layer import child_seeds
from tests.support.layer_formulas import decoder_layer, encoder_layer, random_params

RNG = np.random.default_rng(0)
B, T, S, WIDTH, HEADS, HIDDEN = 2, 5, 3, 6, 2, 7
X, MEMORY = RNG.standard_normal((B, T, WIDTH)), RNG.standard_normal((B, S, WIDTH))
FORMS = [
    {"norm_first": first, "activation": activation, "norm": norm}
    for first in (False, True)
    for activation, norm in (("relu", "layer"), ("swiglu", "rms"))
]
every_form = pytest.mark.parametrize("options", FORMS, ids=lambda o: "-".join(map(str, o.values())))


@every_form
def test_an_encoder_layer_is_its_equations(options):
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options)
    params = random_params(layer)
    out, _ = layer.forward(params, X, mask=na.causal())
    expected = encoder_layer(params, X, HEADS, np.tril(np.ones((T, T), bool)), **options)
    np.testing.assert_allclose(out, expected, rtol=1e-11, atol=1e-12)


@every_form
def test_a_decoder_layer_is_its_equations(options):
    layer = nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, **options)
    params = random_params(layer)
    out, _ = layer.forward(params, X, MEMORY, mask=na.causal())
    expected = decoder_layer(params, X, MEMORY, HEADS, np.tril(np.ones((T, T), bool)), **options)
    np.testing.assert_allclose(out, expected, rtol=1e-11, atol=1e-12)


def test_each_dropout_has_a_seed_of_its_own():
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.5)
    _, saved = layer.forward(random_params(layer), X, seed=9)
    attention, first, hidden, second = child_seeds(9, 4)
    np.testing.assert_array_equal(saved.dropout1.multipliers, na.dropout_multipliers(first, 0.5, X.shape))
    np.testing.assert_array_equal(saved.dropout2.multipliers, na.dropout_multipliers(second, 0.5, X.shape))
    own = na.dropout_multipliers(child_seeds(hidden, 1)[0], 0.5, (B, T, HIDDEN))
    np.testing.assert_array_equal(saved.feed_forward.dropout.multipliers, own)
    weights = saved.self_attn.attention.attention
    thinned = na.dropout_multipliers(attention, 0.5, weights.weights.shape)
    np.testing.assert_array_equal(weights.thinned, weights.weights * thinned)


def test_without_a_seed_the_rate_has_no_influence():
    layer, still = (nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=rate) for rate in (0.5, 0.0))
    params = random_params(layer)
    np.testing.assert_array_equal(layer.forward(params, X)[0], still.forward(params, X)[0])
    first, second = (layer.forward(params, X, seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (layer.forward(params, X, seed=4)[0] != first).any()


def test_the_future_and_padding_have_no_influence_to_the_bit():
    layer = nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN)
    params = random_params(layer)
    masks = {"mask": na.causal(), "memory_mask": na.padding([S, 1])}
    out, saved = layer.forward(params, X, MEMORY, **masks)
    changed, memory = X.copy(), MEMORY.copy()
    changed[:, 3:], memory[1, 1:] = 1e3, 1e3
    np.testing.assert_array_equal(layer.forward(params, changed, memory, **masks)[0][:, :3], out[:, :3])
    (_, d_memory), _ = layer.backward(out, saved)
    assert not d_memory[1, 1:].any()


def test_a_nested_gradient_has_the_names_of_the_parameters():
    layer = nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, norm_first=True, activation="geglu")
    params = random_params(layer)
    out, saved = layer.forward(params, X, MEMORY)
    _, d_params = layer.backward(out, saved)
    layer.check(d_params)


def test_inputs_that_do_not_fit():
    layer = nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN)
    params = random_params(layer)
    for arguments, error, message in (
        ((X[..., :5], MEMORY), ValueError, r"x has shape \(2, 5, 5\); \(..., 6\) is expected"),
        ((X, MEMORY[..., :5]), ValueError, r"memory has shape \(2, 3, 5\); \(..., 6\) is expected"),
        ((X[0, 0], MEMORY), ValueError, r"x has shape \(6,\); at least 2 axes"),
        ((X.astype(int), MEMORY), TypeError, "x has dtype int64"),
    ):
        with pytest.raises(error, match=f"^TransformerDecoderLayer: {message}"):
            layer.forward(params, *arguments)
    with pytest.raises(TypeError, match=r"^TransformerDecoderLayer: saved is NoneType; DecoderLayerSaved"):
        layer.backward(X, None)
    first = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, norm_first=True)
    _, saved = first.forward(random_params(first), X)
    for d_out in (X[:1], X[..., :1], X[0]):
        with pytest.raises(
            ValueError, match=r"^TransformerEncoderLayer: d_out has shape .* \(2, 5, 6\), is exp"
        ):
            first.backward(d_out, saved)
