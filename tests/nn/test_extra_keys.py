"""Keys and values beside those of the sequence."""

import numpy as np

import numpy_attention as na
from numpy_attention.nn.extra_keys import (
    bias_beside,
    bias_of_sequence,
    extra_keys_backward,
    extra_keys_forward,
    mask_beside,
)

RNG = np.random.default_rng(0)
KEY, VALUE = RNG.standard_normal((2, 2, 3, 5, 2))
PARAMS = {"bias_k": RNG.standard_normal((1, 1, 6)), "bias_v": RNG.standard_normal((1, 1, 6))}


def test_learned_rows_then_zeros_stand_at_the_end():
    keys, values, saved = extra_keys_forward(PARAMS, KEY, VALUE, True)
    assert keys.shape == (2, 3, 7, 2)
    np.testing.assert_array_equal(keys[..., :5, :], KEY)
    np.testing.assert_array_equal(values[1, 2, 5], PARAMS["bias_v"][0, 0, 4:])
    assert not keys[..., 6, :].any()
    d_key, d_value, d_params = extra_keys_backward(keys, values, saved)
    np.testing.assert_array_equal(d_key, KEY)
    np.testing.assert_allclose(d_params["bias_k"], 2 * PARAMS["bias_k"])
    np.testing.assert_array_equal(bias_of_sequence(np.ones((4, 7)), saved), np.ones((4, 5)))
    assert bias_of_sequence(None, saved) is None


def test_masks_and_biases_leave_them_as_they_are():
    mask = mask_beside(na.causal(), (2, 3, 4, 4), 2)
    assert mask.array(4, 6)[..., 4:].all()
    assert not mask.array(4, 6)[..., 0, 1].any()
    bias = bias_beside(na.alibi([0.5, 0.25]), (2, 4, 4), 1)
    assert not bias[..., 4].any()
    assert bias[0, 3, 0] == -1.5
    assert mask_beside(None, (4, 4), 2) is None
    assert bias_beside(None, (4, 4), 2) is None
