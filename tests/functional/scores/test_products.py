"""dot and general scores, and what all products share, the cosine included."""

import math

import numpy as np
import pytest

from numpy_attention.functional.scores.cosine import (
    cosine_scores,
)
from numpy_attention.functional.scores.products import (
    dot_scores,
    dot_scores_backward,
    dot_scores_forward,
    general_scores,
    general_scores_backward,
    general_scores_forward,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# --------------------------------------------------------------------------------- values by hand


def test_dot_by_hand():
    assert dot_scores([[1, 2]], [[3, 4], [5, 6]], 1).tolist() == [[11, 17]]
    assert dot_scores([[1, 2, 0, 2]], [[3, 4, 9, 1]]).tolist() == [[13 / 2]]  # 1 / sqrt(4)
    assert dot_scores([[3]], [[5]]).tolist() == [[15]]
    assert dot_scores([[1, 2]], [[3, 4], [5, 6]], [[2, -1]]).tolist() == [[22, -17]]
    out, saved = dot_scores_forward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), 10.0)
    d = dot_scores_backward([[2.0]], saved)
    assert d.d_query.tolist() == [[60, 80]]
    assert d.d_key.tolist() == [[20, 40]]
    assert d.d_scale == 22
    assert saved.products.tolist() == [[11]]


def test_general_by_hand():
    arguments = np.array([[1.0, 2.0]]), np.array([[3.0]]), np.array([[5.0], [7.0]])
    out, saved = general_scores_forward(*arguments)
    assert out.tolist() == [[(1 * 5 + 2 * 7) * 3]]
    d = general_scores_backward(np.array([[1.0]]), saved)
    assert d.d_query.tolist() == [[15, 21]]
    assert d.d_key.tolist() == [[19]]
    assert d.d_weight.tolist() == [[3], [6]]


def test_default_scale_of_no_width():
    out, saved = dot_scores_forward(np.zeros((2, 0)), np.zeros((3, 0)))
    assert out.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert dot_scores_backward(np.ones((2, 3)), saved).d_scale is None


# ------------------------------------------------------------------------------------------ dtypes


def test_required_arguments_promote_and_optional_never(rng):
    query, key = rng.standard_normal((3, 7)), rng.standard_normal((5, 7))
    half, single = query.astype("float16"), key.astype("float32")
    for scale in (None, 2, 0.3, np.float64(0.3), np.full((3, 5), 0.3), np.array(0.3)):
        out, saved = dot_scores_forward(half, single, scale)
        assert out.dtype == np.float32
        d = dot_scores_backward(np.ones((3, 5)), saved)
        assert (d.d_query.dtype, d.d_key.dtype) == (np.float16, np.float32)
        assert scale is None or d.d_scale.dtype == np.float64
    assert dot_scores(half, single, 0.3j).dtype == np.complex64
    assert dot_scores(query, single).dtype == np.float64
    for sharpness in (2, 0.3, np.float64(0.3), np.array(0.3)):
        assert cosine_scores(half, half[:2], sharpness).dtype == np.float16
        assert cosine_scores(half, single, sharpness).dtype == np.float32
    weight = rng.standard_normal((7, 7))
    assert general_scores(half, half, weight.astype("float16")).dtype == np.float16
    assert general_scores(half, single, weight).dtype == np.float64


def test_float16_is_computed_in_float32():
    query = np.full((1, 1000), 16, dtype=np.float16)  # 256,000 before the scale: inf in float16
    out, saved = dot_scores_forward(query, query)
    assert out == np.float16(256_000 / math.sqrt(1000))
    assert saved.products.dtype == np.float32
    assert dot_scores(query, query, 1) == np.inf


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (
            lambda: dot_scores(np.ones((2, 3)), np.ones((2, 5))),
            ValueError,
            "the last axis of query is 3, but that of key is 5; they must be equal",
        ),
        (
            lambda: dot_scores(np.ones((2, 1, 3)), np.ones((5, 1, 3))),
            ValueError,
            r"the batch axes do not broadcast together: query \(2,\), key \(5,\)",
        ),
        (
            lambda: dot_scores([1, 2], [[1, 2]]),
            ValueError,
            r"query has shape \(2,\); at least 2 axes are expected",
        ),
        (
            lambda: dot_scores_forward(np.ones((2, 3), int), np.ones((2, 3))),
            TypeError,
            "query has dtype int64; float16, .* is expected",
        ),
        (lambda: dot_scores([["a"]], [[1]]), TypeError, "query is ndarray .dtype <U1.; an array"),
        (lambda: dot_scores([[1]], [[1]], np.nan), ValueError, "scale is nan; a finite number"),
        (lambda: dot_scores([[1]], [[1]], -np.inf), ValueError, "scale is -inf; a finite number"),
        (
            lambda: dot_scores([[1]], [[1]], np.ones((2, 1))),
            ValueError,
            r"scale has shape \(2, 1\), which does not broadcast to .* \(1, 1\)",
        ),
        (lambda: dot_scores([[1]], [[1]], "no"), TypeError, "scale is str"),
        (
            lambda: general_scores(np.ones((2, 3)), np.ones((2, 5)), np.ones((5, 3))),
            ValueError,
            "the last axis of query is 3, but the width Dq of weight is 5",
        ),
        (
            lambda: general_scores(np.ones((2, 3)), np.ones((2, 5)), np.ones((3, 3))),
            ValueError,
            "the last axis of key is 5, but the width Dk of weight is 3",
        ),
        (
            lambda: general_scores([[[1]]] * 2, [[1]], np.ones((3, 1, 1))),
            ValueError,
            r"together: query \(2,\), key \(\), weight \(3,\)",
        ),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
