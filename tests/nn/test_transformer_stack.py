"""Encoder and decoder: layers one after the other, with seeds and parameters of their own."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.layer import child_seeds
from tests.support.layer_formulas import random_params

RNG = np.random.default_rng(0)
X, MEMORY = RNG.standard_normal((2, 5, 6)), RNG.standard_normal((2, 3, 6))
LAYER = nn.TransformerEncoderLayer(6, 2, 7, norm_first=True, dropout=0.3)


@pytest.mark.parametrize("norm", [False, True])
def test_an_encoder_is_its_layers_one_after_the_other(norm):
    encoder = nn.TransformerEncoder(LAYER, 3, norm=norm)
    params = random_params(encoder)
    x = X
    for place, seed in enumerate(child_seeds(5, 3)):
        x, _ = LAYER.forward(params["layers"][str(place)], x, mask=na.causal(), seed=seed)
    expected = LAYER.norm1.forward(params["norm"], x)[0] if norm else x
    np.testing.assert_array_equal(encoder.forward(params, X, mask=na.causal(), seed=5)[0], expected)


def test_every_decoder_layer_reads_the_memory():
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 7), 2)
    params = random_params(decoder)
    out, saved = decoder.forward(params, X, MEMORY, mask=na.causal())
    (_, d_memory), d_params = decoder.backward(out, saved)
    d_x, own = out, []
    for place in (1, 0):
        (d_x, d_own), _ = decoder.layer.backward(d_x, saved.layers[place])
        own.append(d_own)
    np.testing.assert_allclose(d_memory, sum(own), rtol=1e-12)
    decoder.check(d_params)
    assert list(d_params["layers"]) == ["0", "1"]


def test_what_is_no_stack():
    with pytest.raises(
        TypeError, match=r"^TransformerDecoder: layer is TransformerEncoderLayer; a TransformerDec"
    ):
        nn.TransformerDecoder(LAYER, 2)
    with pytest.raises(
        ValueError, match=r"^TransformerEncoder: layers is 4611686018427387904; at most 10,000"
    ):
        nn.TransformerEncoder(LAYER, 2**62)
    with pytest.raises(ValueError, match=r"^TransformerEncoder: layers holds 0; at least 1"):
        nn.TransformerEncoder(LAYER, 0)
