"""Dropout: in training by seed and position, in evaluation nothing."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn

X = np.random.default_rng(0).standard_normal((3, 5))


def test_entries_are_dropped_by_seed_and_the_others_scaled():
    layer = nn.Dropout(0.4)
    out, saved = layer.forward({}, X, seed=7)
    multipliers = na.dropout_multipliers(7, 0.4, X.shape)
    np.testing.assert_array_equal(out, X * multipliers)
    np.testing.assert_array_equal(layer.backward(X, saved)[0], X * multipliers)
    assert 0 < (multipliers == 0).sum() < X.size
    assert (layer.forward({}, X, seed=8)[0] != out).any()


def test_without_a_seed_nothing_is_dropped():
    """The mean of a network in evaluation is that in training: there is no factor."""
    layer = nn.Dropout(0.4)
    out, saved = layer.forward({}, X)
    np.testing.assert_array_equal(out, X)
    np.testing.assert_array_equal(layer.backward(X, saved)[0], X)
    assert not np.shares_memory(out, X)
    ones = np.ones(100_000)
    assert layer.forward({}, ones, seed=0)[0].mean() == pytest.approx(1, abs=0.01)


def test_the_dtype_is_kept():
    for dtype in ("float16", "float32", "complex64"):
        out, saved = nn.Dropout(0.4).forward({}, X.astype(dtype), seed=1)
        assert out.dtype == nn.Dropout(0.4).backward(X.astype(dtype), saved)[0].dtype == dtype


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_is_a_probability(rate):
    with pytest.raises(ValueError, match=rf"^Dropout: rate is {rate}; a probability in \[0, 1\) is expected"):
        nn.Dropout(rate)
