"""The layers of normalisation by hand."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.norms import norm_of

ROW = np.array([[1.0, 3.0], [4.0, 8.0]])


def test_values_by_hand():
    params = {"weight": np.array([2.0, 3.0]), "bias": np.array([10.0, 0.0])}
    assert nn.LayerNorm(2, eps=0).forward(params, ROW)[0].tolist() == [[8, 3], [8, 3]]
    params.pop("bias")
    assert nn.LayerNorm(2, eps=0, bias=False).forward(params, ROW)[0].tolist() == [[-2, 3], [-2, 3]]
    out = nn.RMSNorm(2, eps=3).forward({"weight": np.ones(2)}, np.array([1.0, 5.0]))[0]
    np.testing.assert_allclose(out, [0.25, 1.25])


def test_without_a_bias_there_is_no_gradient_of_one():
    layer = nn.LayerNorm(2, bias=False)
    _, saved = layer.forward(layer.init(np.random.default_rng(0)), ROW)
    assert list(layer.backward(ROW, saved)[1]) == ["weight"]


def test_kinds_and_settings():
    assert norm_of("rms", 3, 0.1) == nn.RMSNorm(3, eps=0.1)
    assert norm_of("layer", 3, 0.1, bias=False) == nn.LayerNorm(3, eps=0.1, bias=False)
    for kind in (nn.LayerNorm, nn.RMSNorm):
        with pytest.raises(ValueError, match=f"^{kind.__name__}: eps is -1; a number >= 0"):
            kind(3, eps=-1)
