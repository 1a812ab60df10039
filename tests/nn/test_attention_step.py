"""Which attention a layer uses."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.attention_step import ATTENTIONS, chosen

X = np.random.default_rng(0).standard_normal((2, 5, 4))


def test_the_dtype_decides_unless_one_is_named():
    for dtype, expected in (("f2", "fast"), ("f4", "fast"), ("f8", "reference"), ("c8", "reference")):
        assert chosen(None, np.ones(1, dtype)) == expected
        assert chosen("blockwise", np.ones(1, dtype)) == "blockwise"
    assert chosen(None, np.ones(1, "f4"), np.ones(1, "f8")) == "reference"


@pytest.mark.parametrize("name", ATTENTIONS)
def test_all_of_them_give_the_same_numbers_and_only_the_reference_weights(name):
    layer = nn.MultiHeadAttention(4, 2, attention=name, sinks=True)
    params = layer.init(np.random.default_rng(1))
    out, saved = layer.forward(params, X, mask=na.causal())
    expected, _ = nn.MultiHeadAttention(4, 2, sinks=True).forward(params, X, mask=na.causal())
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
    assert (saved.weights is None) == (name != "reference")
    assert name == "reference" or type(saved.attention.attention) is type(
        getattr(na, f"{name}_attention_forward")(X, X, X)[1]
    )


def test_float32_runs_fast_and_other_scores_by_the_reference():
    layer = nn.MultiHeadAttention(4, 2)
    params = layer.init(np.random.default_rng(1))
    narrow = {n: x if isinstance(x, dict) else x.astype("f4") for n, x in params.items()}
    assert layer.forward(narrow, X.astype("f4"))[1].weights is None
    layer = nn.MultiHeadAttention(4, 2, score="additive")
    assert layer.forward(layer.init(np.random.default_rng(1)), X.astype("f4"))[1].weights.shape == (
        2,
        2,
        5,
        5,
    )
