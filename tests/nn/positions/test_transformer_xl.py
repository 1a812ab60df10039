"""Transformer-XL's four terms, pair by pair."""

import numpy as np

import numpy_attention as na
from numpy_attention import nn
from tests.support.layer_formulas import random_params

X = np.random.default_rng(0).standard_normal((2, 5, 6))


def test_the_scores_are_the_papers_four_terms():
    layer = nn.MultiHeadAttention(6, 2, positions=nn.TransformerXL(2, 3, 4), bias=False)
    params = random_params(layer)
    u, v, weight = (params["positions"][name] for name in ("content", "position", "weight"))
    q, k, _ = (
        np.swapaxes((X @ w.T).reshape(2, 5, 2, 3), 1, 2) for w in np.split(params["in_proj_weight"], 3)
    )
    _, saved = layer.forward(params, X)
    expected = np.zeros((2, 2, 5, 5))
    for query in range(5):
        for key in range(5):
            wave = (weight @ na.sinusoidal(query - key, 4)).reshape(2, 3)
            content = ((q[:, :, query] + u) * k[:, :, key]).sum(axis=-1)
            expected[:, :, query, key] = content + ((q[:, :, query] + v) * wave).sum(axis=-1)
    np.testing.assert_allclose(
        saved.attention.attention.biased, expected / np.sqrt(3), rtol=1e-11, atol=1e-13
    )
