"""Cosine scores; what all products share is in `test_products.py`."""

import numpy as np
import pytest

from numpy_attention.functional.scores.cosine import (
    cosine_scores,
    cosine_scores_backward,
    cosine_scores_forward,
)
from tests.support.judges import close


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def example(rng, L=3, S=5, D=7):
    return rng.standard_normal((L, D)), rng.standard_normal((S, D)), 1.7


def test_cosine_by_hand():
    out = cosine_scores([[3, 4]], [[30, 40], [4, -3], [-6, -8]], 2)
    assert close(out, [[2, 0, -2]], rtol=0, atol=4e-16)
    out, saved = cosine_scores_forward(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]]), 5.0)
    d = cosine_scores_backward(np.array([[1.0]]), saved)
    assert out.tolist() == [[4]]
    # d cos / d query = (key/|key| - cos query/|query|) / |query| = ((0, 1) - 0.8 (0.6, 0.8)) / 5
    assert close(d.d_query, [[-0.48, 0.36]], rtol=1e-15)
    assert close(d.d_key, [[5 * 0.6 / 2, 0]], rtol=1e-15)
    assert d.d_sharpness == 0.8


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-200, 1e200, 1.5e308])
def test_cosine_at_the_ends_of_the_range(size):
    length = 1.25 if size > 1e308 else 5.0  # times the size, which is then more than a float64 holds
    query = np.array([[3.0, 4.0, 0.0]]) * (length / 5) * size
    key = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    with np.errstate(all="raise"):
        out, saved = cosine_scores_forward(query, key, 1.0)
        d = cosine_scores_backward(np.array([[1.0, 0.0]]), saved)
    assert close(out, [[0.8, 0.6]], rtol=1e-15)
    with np.errstate(over="ignore"):
        expected = np.array([[-0.48, 0.36, 0]]) / length / size
    assert close(d.d_query, expected, rtol=1e-14)
    assert np.isfinite(d.d_key).all()
    wide, _ = cosine_scores_forward(query + 0j, key, 1.0)  # the complex quotient must not overflow
    assert close(wide, out, rtol=1e-15)


def test_cosine_in_float32_at_the_ends_of_its_range():
    for size in (1e-40, 1e-30, 1e30):
        query = np.array([[3, 4]], dtype=np.float32) * np.float32(size)
        out, saved = cosine_scores_forward(query, np.array([[0, 1]], dtype=np.float32), 2.0)
        assert out.dtype == np.float32
        assert close(out, 1.6, rtol=1e-4 if size < 1e-38 else 1e-6)
        assert np.isfinite(cosine_scores_backward(np.ones((1, 1)), saved).d_key).all()


def test_a_zero_vector_scores_0_with_gradient_0(rng):
    query, key, _ = example(rng)
    query[1], key[2] = 0, -0.0
    with np.errstate(all="raise"):
        out, saved = cosine_scores_forward(query, key, 1.7)
        d = cosine_scores_backward(rng.standard_normal((3, 5)), saved)
    assert not out[1].any()
    assert not out[:, 2].any()
    assert not d.d_query[1].any()
    assert not d.d_key[2].any()
    assert all(np.isfinite(x).all() for x in d)
    stepped, _ = cosine_scores_forward(query + 1e-100j, key, 1.7)
    assert not stepped[1].any()  # judged on the real part: a complex step cannot leave zero


def test_one_nan_spoils_its_own_scores_only(rng):
    query, key, _ = example(rng)
    query[1, 2] = np.nan
    out = cosine_scores(query, key, 1.0)
    assert np.isnan(out[1]).all()
    assert np.isfinite(out[[0, 2]]).all()


def test_cosine_is_independent_of_lengths(rng):
    query, key, _ = example(rng)
    out = cosine_scores(query, key, 3.0)
    assert np.abs(out - cosine_scores(query * 7e11, key / 3e7, 3.0)).max() <= 3 * 4e-16
    _, saved = cosine_scores_forward(query, key, 3.0)
    d = cosine_scores_backward(rng.standard_normal(out.shape), saved)
    assert np.abs((d.d_query * query).sum(-1)).max() <= 1e-14  # nothing along the query itself


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: cosine_scores([[1]], [[1]], np.nan), ValueError, "sharpness is nan; a finite"),
        (lambda: cosine_scores([[1]], [[1]], np.inf), ValueError, "sharpness is inf; a finite"),
        (
            lambda: cosine_scores([[1]], [[1]], [1.0]),
            ValueError,
            r"sharpness has shape \(1,\); one number is expected",
        ),
        (lambda: cosine_scores([[1]], [[1]], None), TypeError, "sharpness is NoneType"),
        (lambda: cosine_scores([[1]], [[1, 2]], 1), ValueError, "the last axis of query is 1"),
        (lambda: cosine_scores([[[1]]] * 2, [[[1]]] * 3, 1), ValueError, "do not broadcast"),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize(
    "dtype, power", [("float32", 120), ("float32", -100), ("float64", 1000), ("float64", -900)]
)
def test_scaling_by_a_power_of_two_changes_no_bit(dtype, power):
    rng = np.random.default_rng(0)
    query, key, d_out = (rng.standard_normal(n).astype(dtype) for n in ((5, 3), (7, 3), (5, 7)))
    out, saved = cosine_scores_forward(query, key, 1.5)
    far, far_saved = cosine_scores_forward(np.ldexp(query, power), key, 1.5)
    right, scaled = cosine_scores_backward(d_out, saved), cosine_scores_backward(d_out, far_saved)
    np.testing.assert_array_equal(far, out)
    np.testing.assert_array_equal(np.ldexp(scaled.d_query, power), right.d_query)
    np.testing.assert_array_equal(scaled.d_key, right.d_key)
