"""The one type for a call: its lengths, and options as functions and formulas take them."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.reference.inputs import Inputs, Shape

QUERY, KEY, VALUE = np.zeros((2, 3, 6, 5, 4)), np.zeros((3, 2, 7, 4)), np.zeros((2, 7, 9))


def test_lengths_multiply_the_batch():
    call = Inputs(QUERY, KEY, VALUE)
    assert call.lengths == Shape(B=6, H=6, G=2, L=5, S=7, D=4, E=9)
    assert (call.shape, call.group) == ((2, 3, 6, 5, 7), 3)
    assert Inputs(QUERY[0, 0, 0], KEY[0, 0], VALUE[0]).lengths == (1, 1, 1, 5, 7, 4, 9)
    assert str(call.lengths) == "B=6 H=6 G=2 L=5 S=7 D=4 E=9"


def test_only_options_in_use_are_keywords():
    sinks, d_lse = np.zeros(6), np.zeros((2, 3, 6, 5))
    call = Inputs(QUERY, KEY, VALUE, d_lse=d_lse, sinks=sinks, softcap=2.0)
    assert call.keywords == {"sinks": sinks, "softcap": 2.0}
    assert call.cotangents == {"d_lse": d_lse}


def test_values_and_their_arrays_give_the_same_attention():
    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal((3, n, 2)) for n in (5, 7, 7))
    call = Inputs(
        query, key, value, mask=na.causal("bottom_right"), bias=na.alibi([0.5, 1.0, 2.0], "top_left"),
        dropout=na.dropout(3, 0.4),
    )  # fmt: skip
    dense = call.dense()
    assert all(isinstance(x, np.ndarray) for x in (dense.mask, dense.bias, dense.dropout))
    right = na.attention(query, key, value, **call.keywords)
    np.testing.assert_array_equal(na.attention(query, key, value, **dense.keywords), right)


def test_the_representation_shows_shapes_and_options_in_use():
    assert repr(Inputs(QUERY, KEY, VALUE, softcap=2.0)) == (
        "Inputs(query=float64(2, 3, 6, 5, 4), key=float64(3, 2, 7, 4), value=float64(2, 7, 9), softcap=2.0)"
    )


def test_a_misspelt_option_is_refused():
    with pytest.raises(TypeError, match="sink"):
        Inputs(QUERY, KEY, VALUE).replace(sink=np.zeros(6))
