"""The steps that positions add to an attention."""

import numpy as np

from numpy_attention.nn.positions.inside import (
    bias_backward,
    bias_of,
    places_of,
    rotate_heads,
    rotate_heads_backward,
    values_backward,
    values_of,
)


def test_keys_of_self_attention_stand_where_the_queries_do():
    places = places_of([4, 5], None, 2, 2, True)
    assert places.key.tolist() == [4, 5]
    places = places_of([4, 5], None, 2, 3, False)
    assert places.key.tolist() == [0, 1, 2]
    assert places.distances().tolist() == [[-4, -3, -2], [-5, -4, -3]]


def test_without_positions_every_step_returns_its_input():
    x, places = np.ones((1, 2, 3)), places_of(None, None, 2, 2, True)
    assert rotate_heads(None, x, x, places)[0] is x
    assert rotate_heads_backward(None, x, x, None)[1] is x
    assert bias_of(None, {}, x, x, places, None) == (None, None)
    assert bias_backward(None, x, None) == (None, None, {})
    assert values_of(None, {}, x, None, places)[0] is x
    assert values_backward(None, x, None, None) == (None, {})
