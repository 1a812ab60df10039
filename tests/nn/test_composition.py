"""Sequential, Residual and Group."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.pairs.rules import LAYERS
from numpy_attention.nn.composition import Group, Residual, options_of
from numpy_attention.nn.layer import child_seeds

X = np.random.default_rng(0).standard_normal((2, 3, 4))


def test_layers_run_one_after_the_other_with_seeds_of_their_own():
    layer = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Dropout(0.5))
    params = layer.init(np.random.default_rng(1))
    assert list(params) == ["0"]
    x, _ = layer.layers[0].forward(params["0"], X)
    for place, seed in list(enumerate(child_seeds(9, 3)))[1:]:
        x, _ = layer.layers[place].forward({}, x, seed=seed)
    np.testing.assert_array_equal(layer.forward(params, X, seed=9)[0], x)


def test_a_mask_goes_to_the_layers_that_take_one():
    layer = nn.Sequential(nn.Linear(4, 4), nn.Residual(nn.MultiHeadAttention(4, 2)))
    params = layer.init(np.random.default_rng(1))
    _, saved = layer.forward(params, X, mask=na.causal())
    assert (np.triu(saved.layers[1].inner.weights, 1) == 0).all()
    assert options_of(nn.Linear(3, 3), na.causal(), 1) == {}
    with pytest.raises(TypeError, match=r"^Sequential: mask is Band, but no layer of these takes one"):
        nn.Sequential(nn.Linear(4, 4)).forward({"0": params["0"]}, X, mask=na.causal())


def test_what_is_no_layer_and_shapes_that_do_not_add():
    with pytest.raises(TypeError, match=r"^Sequential: layer 1 is function; a layer is expected"):
        nn.Sequential(nn.Linear(4, 4), na.relu)
    with pytest.raises(TypeError, match=r"^Sequential: layers is \(\); at least one layer"):
        nn.Sequential()
    layer = Residual(nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"^Residual: inner gives \(2, 3, 3\) for x of shape \(2, 3, 4\)"):
        layer.forward(layer.init(np.random.default_rng(1)), X)


def test_a_group_nests_parameters_under_numbers():
    group = Group(nn.Linear(4, 3), nn.Dropout(0.1), nn.RMSNorm(3))
    assert group.shapes() == {"0": {"weight": (3, 4), "bias": (3,)}, "2": {"weight": (3,)}}


def test_a_forgotten_residual_is_caught():
    """In the backward alone; forward and backward together are another, right, function."""
    (rule,) = [rule for rule in LAYERS if rule.name == "Residual"]

    def without(d_out, saved):
        d_x, d_params = saved.layer.inner.backward(d_out, saved.saved.inner)
        return {"d_x": d_x, **{f"d_inner.{name}": d for name, d in d_params.items()}}

    assert rule.check(rule.examples[0]).ok
    assert not rule._replace(backward=without).check(rule.examples[0]).ok
