"""The bounds of the steps' formulas: other ways of computing stay inside, and they are not much wider."""

import numpy as np
import pytest

from numpy_attention.check.outside.running import Running, gradients
from numpy_attention.check.outside.step_formulas import STEP_FORMULAS
from numpy_attention.check.rounding.error_analysis import Bounded
from numpy_attention.check.rounding.formats import ARITHMETICS

X = np.random.default_rng(0).standard_normal((200, 33)).astype(np.float32)


def running(x):
    return Running(Bounded(np.array(x, float), np.zeros(np.shape(x))), ARITHMETICS["float32"])


def bisected(x, power):
    """In float32, divided by the sum at last, as the entmax package does."""
    x = x / np.float32(power)
    low, high = x.max(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(40):
        tau = (low + high) / 2
        enough = (np.maximum(x - tau, 0) ** power).sum(-1, keepdims=True) >= 1
        low, high = np.where(enough, tau, low), np.where(enough, high, tau)
    weights = np.maximum(x - low, 0) ** power
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("shift", [0, 1000])
@pytest.mark.parametrize("name, power", [("sparsemax", 1), ("entmax", 2)])
def test_bisection_in_float32_is_within_the_bound(name, power, shift):
    x = (X + np.float32(shift)).astype(np.float32)
    weights = STEP_FORMULAS[name](running(x)).of
    assert np.allclose(weights.value.sum(axis=-1), 1)
    assert (np.abs(bisected(x, power) - weights.value) <= weights.error).all()
    assert np.median(weights.error[weights.value > 0.1]) < 2e-5 * max(1, shift)


def test_a_score_at_the_threshold_is_a_kink_of_sparsemax_and_none_of_entmax():
    x = running([[1.0, 0.0, -3.0], [1.0, 0.5, -3.0]])
    (d_x,) = gradients([STEP_FORMULAS["sparsemax"](x)], [np.ones((2, 3))], [x])
    assert np.isinf(d_x.error[0]).all()
    assert d_x.error[1].max() < 1e-5
    (d_x,) = gradients([STEP_FORMULAS["entmax"](x)], [np.ones((2, 3))], [x])
    assert d_x.error.max() < 1e-4


def test_query_heads_share_a_key_head():
    query, key = running(X[:4, :10].reshape(4, 5, 2)), running(X[4:6, :10].reshape(2, 5, 2))
    out = STEP_FORMULAS["score"](query, key, 0.5)
    repeated = np.repeat(key.of.value, 2, axis=0)
    assert np.allclose(out.of.value, 0.5 * query.of.value @ repeated.swapaxes(-1, -2))
    _, d_key = gradients([out], [np.ones(out.shape)], [query, key])
    assert d_key.value.shape == (2, 5, 2)


def test_merging_by_the_difference_of_the_parts_is_within_the_bound():
    out_1, out_2 = X[:100], (100 * X[100:]).astype(np.float32)
    lse_1, lse_2 = X[:100, 0] * 8, X[100:, 1]
    gate = 1 / (1 + np.exp(lse_1 - lse_2))[:, None]
    out, _ = STEP_FORMULAS["merge of attention"](*map(running, (out_1, lse_1, out_2, lse_2)))
    assert (np.abs(out_1 - gate * (out_1 - out_2) - out.of.value) <= out.of.error).all()
