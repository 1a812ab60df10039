"""Concat scores; what they share with additive scores is in `test_additive.py`."""

import math
import tracemalloc

import numpy as np
import pytest

from numpy_attention.functional.scores.concat import (
    concat_scores,
    concat_scores_backward,
    concat_scores_forward,
)
from tests.support.judges import close


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def for_concat(rng, L=2, S=3, Dq=5, Dk=7, **batch):
    shapes = dict(query=(L, Dq), key=(S, Dk), weight=(Dq + Dk,))
    return [rng.standard_normal(batch.get(name, ()) + shape) for name, shape in shapes.items()]


@pytest.mark.parametrize(
    "activation, act",
    [
        ("tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("relu", lambda x: max(x, 0)),
        ("leaky_relu", lambda x: max(x, 0.01 * x)),
        ("identity", lambda x: x),
    ],
)
def test_concat_by_hand(activation, act):
    out = concat_scores([[1, 2]], [[3], [9]], [2, 1, -1], activation=activation)
    assert close(out, [[act(2 + 2 - 3), act(2 + 2 - 9)]], rtol=1e-15)
    slope = {"relu": 0, "leaky_relu": 0.01}.get(activation, 1)
    _, saved = concat_scores_forward(
        np.array([[1.0]]), np.array([[3.0]]), np.array([1.0, -1.0]), activation=activation
    )
    if activation in ("relu", "leaky_relu", "identity"):
        d = concat_scores_backward(np.array([[10.0]]), saved)
        assert close(d.d_query, [[10 * slope]])
        assert close(d.d_key, [[-10 * slope]])
        assert close(d.d_weight, [10 * slope, 30 * slope])


def test_every_query_ranks_the_keys_in_the_same_order(rng):
    query, key, weight = for_concat(rng)
    for activation in ("tanh", "sigmoid", "leaky_relu", "identity"):
        order = np.argsort(concat_scores(query, key, weight, activation=activation), axis=-1)
        assert (order == order[0]).all()


def test_concat_never_builds_the_pairs():
    query, key = np.zeros((1000, 100)), np.zeros((500, 100))
    tracemalloc.start()
    out = concat_scores(query, key, np.ones(200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * out.nbytes  # the pairs alone would be 200 times as large


def test_float16_is_computed_in_float32():
    many = np.full((1, 1000), 16, dtype=np.float16)
    out, saved = concat_scores_forward(many, -many, np.ones(2000, np.float16), activation="identity")
    assert out.dtype == np.float16
    assert out == 0  # 16,000 less 16,000
    huge = concat_scores(many * 16, -many * 16, np.ones(2000, np.float16), activation="identity")
    assert huge == 0  # 256,000 less 256,000: inf less inf in float16
    assert saved.inner.x.dtype == np.float32


@pytest.mark.parametrize(
    "change, error, sentence",
    [
        (dict(weight=np.ones(11)), ValueError, "query and key, is 12, but that of weight is 11"),
        (dict(weight=1.0), ValueError, r"weight has shape \(\); at least 1 axis"),
        (dict(query=np.ones(5)), ValueError, "query has shape"),
        (dict(key=np.ones(7)), ValueError, "key has shape"),
        (dict(query=np.ones((2, 2, 5)), weight=np.ones((3, 12))), ValueError, "do not broadcast"),
        (dict(activation="gelu"), ValueError, "activation is 'gelu' .*; one of 'tanh', 'sigmoid', "),
        (dict(activation=None), ValueError, "activation is None; one of"),
    ],
)
def test_concat_errors(change, error, sentence, rng):
    given = dict(zip(("query", "key", "weight"), for_concat(rng), strict=True))
    with pytest.raises(error, match=sentence):
        concat_scores(**given | change)
