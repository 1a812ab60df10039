"""Mistakes with grouped heads, by hand: 4 query heads, 2 key heads, one query and one key."""

import numpy as np
import pytest

from tests.support.fault_problems import changed, drawn, is_active, wrong

ONE = np.ones((4, 1, 1))
ARRAYS = (ONE, ONE[:2], np.array([[[10.0]], [[20.0]]]), np.array([1.0, 2, 3, 4]).reshape(4, 1, 1))

D_VALUE = {  # (1 + 2, 3 + 4) if right
    "first-head-of-group": (1, 3),
    "last-head-of-group": (2, 4),
    "mean-of-group": (1.5, 3.5),
    "group-summed-interleaved": (4, 6),
    "heads-tiled": (4, 6),
}


@pytest.mark.parametrize("name, d_value", D_VALUE.items())
def test_d_value_by_hand(name, d_value):
    np.testing.assert_allclose(wrong(name, *ARRAYS)["d_value"].ravel(), d_value)
    assert is_active(name, *ARRAYS)


def test_tiled_heads_read_other_values():
    np.testing.assert_allclose(wrong("heads-tiled", *ARRAYS)["out"].ravel(), (10, 20, 10, 20))


@pytest.mark.parametrize("name", D_VALUE)
def test_a_key_head_for_each_query_head_hides_it(name):
    arrays = drawn(2, 2, 3, 5, 4, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)


@pytest.mark.parametrize("name", ["heads-tiled", "group-summed-interleaved"])
def test_one_key_head_hides_the_order(name):
    arrays = drawn(3, 1, 3, 5, 4, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)
