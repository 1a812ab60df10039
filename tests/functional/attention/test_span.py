"""The soft window of adaptive span: by hand, as a factor of the weights, and what is refused."""

import numpy as np
import pytest

import numpy_attention as na

RNG = np.random.default_rng(0)
DISTANCE = np.abs(np.arange(5)[:, None] - np.arange(7))


def test_by_hand() -> None:
    window = np.exp(na.span_bias([0, 2, 3, 4, 5, 6], span=2.0, ramp=4.0))
    np.testing.assert_allclose(window, [1, 1, 0.75, 0.5, 0.25, 0], rtol=1e-15)
    assert na.span_bias([3], span=0.0, ramp=3)[0] == -np.inf


def test_the_beginning_of_the_ramp_and_long_distances_are_exact() -> None:
    np.testing.assert_allclose(na.span_bias([1e-12], span=0.0, ramp=3.0), -1e-12 / 3, rtol=1e-11)
    wide = na.span_bias([2049], span=np.float16(2048), ramp=2.0)  # 2049 is no float16
    assert wide == np.log(0.5).astype(np.float16)


def test_the_bias_multiplies_the_weights_which_sum_to_1_again() -> None:
    scores, span, value = RNG.standard_normal((3, 5, 7)), np.array([0.4, 1.7, 9.0])[:, None, None], np.eye(7)
    window = np.clip((2.5 + span - DISTANCE) / 2.5, 0, 1)
    weights = window * na.softmax(scores)
    expected = weights / weights.sum(axis=-1, keepdims=True)
    got = na.attend(scores, np.stack([value] * 3), bias=na.span_bias(DISTANCE, span, 2.5))
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_what_is_out_of_reach_has_no_influence_and_no_gradient() -> None:
    span = np.array(1.2)
    bias, saved = na.span_bias_forward(DISTANCE, span, 2.0)
    assert (bias[DISTANCE >= 3.2] == -np.inf).all()
    assert (bias[DISTANCE <= 1.2] == 0).all()
    inside = (DISTANCE > 1.2) & (DISTANCE < 3.2)
    d_bias = np.where(inside, 1.0, np.nan)
    np.testing.assert_allclose(
        na.span_bias_backward(d_bias, saved), (1 / (3.2 - DISTANCE[inside])).sum(), rtol=1e-14
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="distance holds -1; numbers of at least 0 are expected"):
        na.span_bias([-1], 1.0, 2.0)
    with pytest.raises(TypeError, match="distance has dtype complex128; real numbers are expected"):
        na.span_bias(np.ones(3, complex), 1.0, 2.0)
    with pytest.raises(ValueError, match=r"ramp is 0\.0; a number above 0 is expected"):
        na.span_bias([1], 1.0, 0.0)
    with pytest.raises(ValueError, match="do not broadcast together"):
        na.span_bias(np.ones((5, 7)), np.ones(3), 1.0)
