"""What an attention asks of positions, and sums by distance."""

import numpy as np
import pytest

from numpy_attention.nn.positions.attention_positions import (
    AttentionPositions,
    Places,
    admit_positions,
    beside_heads,
    gather,
    scatter,
)

RNG = np.random.default_rng(0)


def test_by_themselves_they_change_nothing():
    none, x = AttentionPositions(), RNG.standard_normal((2, 3, 5))
    assert none.rotate_forward(x, np.arange(3))[0] is x
    assert none.rotate_backward(x, None) is x
    places = Places(np.arange(3), np.arange(3))
    assert none.bias_forward({}, x, x, places, 1.0) == none.values_forward({}, x, places) == (None, None)
    assert none.bias_backward(x, None) == (None, None, {})
    assert none.values_backward(x, None) == (None, {})


def test_scatter_is_the_transpose_of_gather():
    table, index = RNG.standard_normal((2, 3, 5, 7)), RNG.integers(0, 7, (2, 1, 5, 4))
    pairs = RNG.standard_normal((2, 3, 5, 4))
    assert gather(table, index).shape == pairs.shape
    left, right = (pairs * gather(table, index)).sum(), (scatter(pairs, index, 7) * table).sum()
    assert left == pytest.approx(right, rel=1e-12)


def test_positions_are_numbers_of_every_place():
    assert admit_positions("p", None, 3).tolist() == [0, 1, 2]
    assert admit_positions("p", [[4], [5]], 3).tolist() == [[4, 4, 4], [5, 5, 5]]
    with pytest.raises(ValueError, match=r"^p has shape \(2,\); \(..., 3\) is expected"):
        admit_positions("p", [1, 2], 3)
    with pytest.raises(TypeError, match=r"^p has dtype"):
        admit_positions("p", [1, np.inf, 2], 3)
    assert beside_heads(np.ones((2, 3))).shape == (2, 3)
    assert beside_heads(np.ones((2, 3, 4))).shape == (2, 1, 3, 4)
