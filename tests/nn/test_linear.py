"""The linear layer by hand; its gradients are those of its rule."""

import numpy as np
import pytest

from numpy_attention import nn


def test_values_by_hand():
    params = {"weight": np.array([[3.0, 4.0], [5.0, 6.0]]), "bias": np.array([0.0, 1.0])}
    out, saved = nn.Linear(2, 2).forward(params, np.array([1.0, 2.0]))
    assert out.tolist() == [11, 18]
    d_x, d_params = nn.Linear(2, 2).backward(np.array([1.0, 10.0]), saved)
    assert d_x.tolist() == [53, 64]
    assert {name: d.tolist() for name, d in d_params.items()} == {
        "weight": [[1, 2], [10, 20]],
        "bias": [1, 10],
    }


def test_a_width_that_does_not_fit():
    layer = nn.Linear(3, 2, bias=False)
    with pytest.raises(ValueError, match=r"^Linear: x has shape \(5,\); \(..., 3\) is expected$"):
        layer.forward(layer.init(np.random.default_rng(0)), np.ones(5))
    with pytest.raises(TypeError, match=r"^Linear: bias is 1; True or False"):
        nn.Linear(3, 2, bias=1)
