"""Shaw's relative keys and values, pair by pair."""

import numpy as np

from numpy_attention import nn
from tests.support.layer_formulas import random_params

X = np.random.default_rng(0).standard_normal((2, 5, 6))


def test_each_pair_has_the_key_and_value_of_its_distance():
    layer = nn.MultiHeadAttention(6, 2, positions=nn.Shaw(3, 2), attention="reference", bias=False)
    params = random_params(layer)
    q, k, v = (
        np.swapaxes((X @ w.T).reshape(2, 5, 2, 3), 1, 2) for w in np.split(params["in_proj_weight"], 3)
    )
    _, saved = layer.forward(params, X)
    context = np.zeros((2, 2, 5, 3))
    for query in range(5):
        rows = [np.clip(key - query, -2, 2) + 2 for key in range(5)]
        keys = k + params["positions"]["key"][rows]
        scores = np.einsum("bhd,bhsd->bhs", q[:, :, query], keys) / np.sqrt(3)
        shares = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        context[:, :, query] = np.einsum("bhs,bhsd->bhd", shares, v + params["positions"]["value"][rows])
    np.testing.assert_allclose(saved.out_proj.x, np.swapaxes(context, 1, 2).reshape(X.shape), rtol=1e-11)
