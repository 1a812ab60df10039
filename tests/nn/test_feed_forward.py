"""The feed-forward layer: its equations with every activation, and where dropout acts."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.feed_forward import ACTIVATIONS, GATED

X = np.random.default_rng(0).standard_normal((2, 3, 5))
OF_GATE = {"swiglu": na.silu, "geglu": na.gelu, "geglu_tanh": na.gelu_tanh}


@pytest.mark.parametrize("activation", [*ACTIVATIONS, *GATED])
def test_forward_is_its_equation(activation):
    layer = nn.FeedForward(5, 7, activation=activation)
    p = layer.init(np.random.default_rng(1))
    hidden = X @ p["linear1"]["weight"].T + p["linear1"]["bias"]
    if activation in OF_GATE:
        hidden = OF_GATE[activation](X @ p["gate"]["weight"].T + p["gate"]["bias"]) * hidden
    else:
        hidden = getattr(na, activation)(hidden)
    expected = hidden @ p["linear2"]["weight"].T + p["linear2"]["bias"]
    np.testing.assert_allclose(layer.forward(p, X)[0], expected, rtol=1e-12, atol=1e-14)


def test_hidden_numbers_are_dropped_by_the_first_childs_seed():
    layer = nn.FeedForward(5, 7, dropout=0.5)
    p = layer.init(np.random.default_rng(1))
    _, saved = layer.forward(p, X, seed=3)
    own = int(np.random.SeedSequence((3, 0)).generate_state(1, np.uint64)[0])
    np.testing.assert_array_equal(saved.dropout.multipliers, na.dropout_multipliers(own, 0.5, (2, 3, 7)))
    assert layer.forward(p, X)[1].dropout is None


def test_an_unknown_activation():
    with pytest.raises(ValueError, match=r"^FeedForward: activation is 'swigly' \(did you mean 'swiglu'\?\)"):
        nn.FeedForward(5, 7, activation="swigly")
