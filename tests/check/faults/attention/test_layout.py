"""Strides ignored, and a key kept from an earlier call."""

import numpy as np
import pytest

from numpy_attention import attention_forward
from numpy_attention.check.faults import fault
from tests.support.fault_problems import changed, drawn, is_active, wrong


@pytest.mark.parametrize("name, place", [("strides-of-query-ignored", 0), ("strides-of-d-out-ignored", 3)])
def test_a_transposed_view_is_read_in_the_order_of_its_memory(name, place):
    arrays = list(drawn(2, 2, 5, 7, 3, 2))
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)
    stored = arrays[place]
    arrays[place] = np.ascontiguousarray(stored.swapaxes(0, 1)).swapaxes(0, 1)
    assert np.array_equal(arrays[place], stored)
    assert is_active(name, *arrays)
    read = [
        *arrays[:place],
        np.ascontiguousarray(stored.swapaxes(0, 1)).reshape(stored.shape),
        *arrays[place + 1 :],
    ]
    for result, x in wrong(name, *read).items():
        np.testing.assert_array_equal(wrong(name, *arrays)[result], x)


def test_the_first_key_of_a_shape_is_used_again():
    query, key, value, _ = drawn(2, 2, 5, 11, 3, 2)
    forward = fault("stale-cache").pair.forward
    first, _ = forward(query, key, value)
    np.testing.assert_array_equal(first, attention_forward(query, key, value)[0])
    np.testing.assert_array_equal(forward(query, 2 * key, value)[0], first)
