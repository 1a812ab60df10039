"""layer_norm and rms_norm."""

import numpy as np
import pytest

import numpy_attention as na

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)
X, WEIGHT, BIAS = RNG.standard_normal((2, 3, 5)), RNG.standard_normal(5), RNG.standard_normal(5)


def test_by_hand() -> None:
    np.testing.assert_allclose(
        na.layer_norm([1, 2, 3], [2, 2, 2], [1, 1, 1], eps=0)[[0, 2]], 1 + np.sqrt([6, 6]) * [-1, 1]
    )
    np.testing.assert_allclose(na.rms_norm([3, 4], [1, 10], eps=0), [3 / np.sqrt(12.5), 40 / np.sqrt(12.5)])
    np.testing.assert_allclose(na.rms_norm([0, 0], [1, 1], eps=4.0), [0, 0])
    np.testing.assert_allclose(na.layer_norm([0, 2], [1, 1], [0, 0], eps=3.0), [-0.5, 0.5])


def test_rows_have_mean_0_and_mean_square_1() -> None:
    unit = na.layer_norm(X, np.ones(5), np.zeros(5), eps=0)
    np.testing.assert_allclose(unit.mean(axis=-1), 0, atol=8 * EPS)
    np.testing.assert_allclose((unit**2).mean(axis=-1), 1, rtol=8 * EPS)
    np.testing.assert_allclose((na.rms_norm(X, np.ones(5), eps=0) ** 2).mean(axis=-1), 1, rtol=8 * EPS)


def test_gradient_is_orthogonal_to_shift_and_scaling() -> None:
    """A shift (layer) and, with eps = 0, a stretch of a row change nothing: d_x is orthogonal to both."""
    d_out = RNG.standard_normal(X.shape)
    d_layer = na.layer_norm_backward(d_out, na.layer_norm_forward(X, WEIGHT, BIAS, eps=0)[1]).d_x
    d_rms = na.rms_norm_backward(d_out, na.rms_norm_forward(X, WEIGHT, eps=0)[1]).d_x
    np.testing.assert_allclose(d_layer.sum(axis=-1), 0, atol=100 * EPS)
    for d_x in (d_layer, d_rms):
        np.testing.assert_allclose((d_x * X).sum(axis=-1), 0, atol=100 * EPS)


def test_a_large_mean_costs_layer_norm_only_its_own_digits() -> None:
    np.testing.assert_allclose(
        na.layer_norm(X + 1e8, WEIGHT, BIAS), na.layer_norm(X, WEIGHT, BIAS), rtol=0, atol=1e8 * 20 * EPS
    )


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda: na.layer_norm(X, WEIGHT[:3], BIAS),
            "the last axis of x is 5, but the length of weight is 3",
        ),
        (lambda: na.layer_norm(X, WEIGHT, BIAS[:3]), r"bias has shape \(3,\); that of weight, \(5,\)"),
        (lambda: na.rms_norm(X, WEIGHT[None]), r"weight has shape \(1, 5\); one axis"),
        (lambda: na.rms_norm(X, WEIGHT, eps=-1.0), "eps is -1.0; a number >= 0"),
        (lambda: na.rms_norm(X, WEIGHT, eps=np.nan), "eps is nan; a finite number"),
        (lambda: na.layer_norm(1.0, [1.0], [0.0]), r"x has shape \(\); at least 1 axes"),
    ],
)
def test_invalid_arguments(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
