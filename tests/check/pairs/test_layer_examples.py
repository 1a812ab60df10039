"""Layers called as pairs."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.check.pairs.layer_examples import LAYER_EXAMPLES, Tied, layer_backward, layer_forward
from numpy_attention.optim.trees import flatten


def test_every_layer_of_nn_has_its_examples():
    layers = {name for name in nn.__all__ if hasattr(getattr(nn, name), "forward")}
    assert layers <= {*LAYER_EXAMPLES}


def test_every_parameter_has_a_gradient_and_no_two_are_alike():
    for examples in LAYER_EXAMPLES.values():
        for example in examples:
            layer = example.kwargs["layer"]
            out, saved = layer_forward(**example.kwargs)
            gradients = layer_backward(out, saved)
            assert {f"d_{name}" for name in flatten(layer.shapes())} <= {*gradients}, example.name
            params = [example.kwargs[name].tobytes() for name in flatten(layer.shapes())]
            assert len({*params}) == len(params)


def test_a_tied_table_has_both_gradients():
    layer, ids = Tied(5, 3), np.array([1, 1])
    params = layer.init(np.random.default_rng(0))
    out, saved = layer_forward(layer, ids=ids, **params)
    gradient = layer_backward(np.eye(5)[[2, 2]], saved)["d_weight"]
    np.testing.assert_allclose(gradient[2], 2 * params["weight"][1])
    np.testing.assert_allclose(gradient[1], 2 * params["weight"][2])
    assert out.shape == (2, 5)
    with pytest.raises(ValueError, match=r"^Embedding: ids holds 5"):
        layer_forward(layer, ids=ids + 4, **params)
