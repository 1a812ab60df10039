"""Parameters by the names of PyTorch's state_dict, there and back."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.weights.torch_names import from_torch, to_torch

LAYER = nn.MultiHeadAttention(width=6, heads=2)


def test_there_and_back_is_the_same_and_shares_no_memory():
    params = LAYER.init(np.random.default_rng(0))
    state = to_torch(LAYER, params)
    assert list(state) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    back = from_torch(LAYER, state)
    state["out_proj.weight"][:] = 0
    np.testing.assert_array_equal(back["out_proj"]["weight"], params["out_proj"]["weight"])
    assert (
        from_torch(LAYER, params)["in_proj_weight"] is not params["in_proj_weight"]
    )  # nested is a state too


def test_gradients_go_through_both():
    params = LAYER.init(np.random.default_rng(0))
    out, saved = LAYER.forward(params, np.ones((1, 3, 6)))
    _, d_params = LAYER.backward(out, saved)
    np.testing.assert_array_equal(to_torch(LAYER, d_params)["in_proj_bias"], d_params["in_proj_bias"])


def test_dtypes_stay_as_they_come():
    state = {
        name: x.astype(np.float32)
        for name, x in to_torch(LAYER, LAYER.init(np.random.default_rng(0))).items()
    }
    assert from_torch(LAYER, state)["out_proj"]["bias"].dtype == np.float32


def test_another_layers_state_is_one_error_with_every_name():
    other = nn.MultiHeadAttention(width=4, heads=2, bias=False)
    state = to_torch(other, other.init(np.random.default_rng(0))) | {"linear1.weight": np.ones((2, 3))}
    with pytest.raises(ValueError, match=r"^state does not fit MultiHeadAttention: ") as caught:
        from_torch(LAYER, state)
    assert str(caught.value).partition(": ")[2] == (
        "missing in_proj_bias (18,), out_proj.bias (6,); unexpected linear1.weight (2, 3); "
        "misshapen in_proj_weight (12, 4) (not (18, 6)), out_proj.weight (4, 4) (not (6, 6))"
    )
    with pytest.raises(ValueError, match=r"^params\['in_proj_weight'\] has shape"):
        to_torch(LAYER, {"in_proj_weight": np.ones(2)})


def test_values_that_are_not_floating_arrays_are_named():
    state = to_torch(LAYER, LAYER.init(np.random.default_rng(0)))
    with pytest.raises(TypeError, match=r"^state\['out_proj.bias'\] has dtype int64"):
        from_torch(LAYER, state | {"out_proj.bias": np.zeros(6, int)})
    with pytest.raises(TypeError, match=r"^state is list; a dict of arrays is expected"):
        from_torch(LAYER, [])
