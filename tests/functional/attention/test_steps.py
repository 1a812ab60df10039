"""The seven steps one by one: hand-computed numbers, and each backward against the complex step."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.attention import steps


def assert_exactly(got, expected):
    np.testing.assert_array_equal(np.asarray(got), np.asarray(expected), strict=True)


def assert_near(got, expected):
    """Within a few units in the last place."""
    np.testing.assert_allclose(got, expected, rtol=8 * 2.0**-53, atol=0)


# ------------------------------------------------------------------------------------------ 1 score


def test_score_is_the_scaled_product():
    query, key = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])
    scores, saved = steps.score_forward(query, key, np.array(2.0))
    assert_exactly(saved.products, [[11.0, 17.0]])
    assert_exactly(scores, [[22.0, 34.0]])
    gradients = steps.score_backward(np.array([[1.0, 10.0]]), saved)
    assert_exactly(gradients.d_query, [[106.0, 128.0]])  # 2 (1 [3 4] + 10 [5 6])
    assert_exactly(gradients.d_key, [[2.0, 4.0], [20.0, 40.0]])  # 2 [1 10]ᵀ [1 2]
    assert_exactly(gradients.d_scale, 181.0)  # 1 * 11 + 10 * 17


def test_a_float_scale_is_a_constant():
    query, key = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])
    scores, saved = steps.score_forward(query, key, 2.0)
    assert_exactly(scores, [[22.0, 34.0]])
    gradients = steps.score_backward(np.array([[1.0, 10.0]]), saved)
    assert_exactly(gradients.d_query, [[106.0, 128.0]])
    assert (saved.products, gradients.d_scale) == (None, None)


def test_each_score_may_have_a_scale_of_its_own():
    query, key, scale = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([2.0, 3.0])
    scores, saved = steps.score_forward(query, key, scale)
    assert_exactly(scores, [[22.0, 51.0]])
    gradients = steps.score_backward(np.array([[1.0, 10.0]]), saved)
    assert_exactly(gradients.d_scale, [11.0, 170.0])
    assert_exactly(gradients.d_query, [[2 * 3 + 30 * 5.0, 2 * 4 + 30 * 6.0]])


def test_query_heads_read_key_heads_in_groups():
    query = np.arange(1.0, 7).reshape(6, 1, 1)  # six heads, and two for the keys
    key = np.array([10.0, 100.0]).reshape(2, 1, 1)
    scores, saved = steps.score_forward(query, key, 1.0)
    assert_exactly(scores.ravel(), [10.0, 20.0, 30.0, 400.0, 500.0, 600.0])
    gradients = steps.score_backward(np.ones((6, 1, 1)), saved)
    assert_exactly(gradients.d_query.ravel(), [10.0, 10.0, 10.0, 100.0, 100.0, 100.0])
    assert_exactly(gradients.d_key.ravel(), [1.0 + 2 + 3, 4.0 + 5 + 6])


# ------------------------------------------------------------------------- 2 softcap, 3 bias, 4 mask


def test_softcap_at_a_score_of_log_3():
    """2 tanh(½ log 3) = 2 (3 - 1) / (3 + 1) = 1, and sech² = 1 - 1/4."""
    capped, saved = steps.softcap_forward(np.array([math.log(3), 0.0]), 2.0)
    assert_near(capped, [1.0, 0.0])
    assert_near(steps.softcap_backward(np.array([4.0, 4.0]), saved), [3.0, 4.0])


def test_bias_is_added_and_its_gradient_summed():
    scores, bias = np.ones((2, 3)), np.array([[10.0], [20.0]])
    biased, saved = steps.bias_forward(scores, bias)
    assert_exactly(biased, [[11.0] * 3, [21.0] * 3])
    d = np.array([[1.0, 2, 4], [8, 16, 32]])
    gradients = steps.bias_backward(d, saved)
    assert gradients.d_capped is d
    assert_exactly(gradients.d_bias, [[7.0], [56.0]])


def test_mask_hides_by_minus_infinity_and_passes_no_gradient():
    visible = np.array([[True, False, True]])
    masked, saved = steps.mask_forward(np.array([[1.0, np.nan, 3.0]]), visible)
    assert_exactly(masked, [[1.0, -np.inf, 3.0]])
    assert_exactly(steps.mask_backward(np.array([[1.0, np.nan, 3.0]]), saved), [[1.0, 0.0, 3.0]])


# ---------------------------------------------------------------------------------------- 5 softmax


def test_softmax_of_0_and_log_3():
    (weights, lse), saved = steps.softmax_step_forward(np.array([[0.0, math.log(3)]]))
    assert_near(weights, [[0.25, 0.75]])
    assert_near(lse, [math.log(4)])
    gradients = steps.softmax_step_backward((np.array([[1.0, 0.0]]), np.zeros(1)), saved)
    assert_near(gradients.d_masked, [[3 / 16, -3 / 16]])  # ¼ ¾, and its opposite
    assert gradients.d_sinks is None
    gradients = steps.softmax_step_backward((np.zeros((1, 2)), np.array([8.0])), saved)
    assert_near(gradients.d_masked, [[2.0, 6.0]])  # lse's gradient is the weights


@pytest.mark.parametrize("sink, share", [(math.log(4), 1 / 2), (math.log(12), 3 / 4), (-np.inf, 0)])
def test_a_sink_takes_its_share(sink, share):
    (weights, lse), saved = steps.softmax_step_forward(np.array([[0.0, math.log(3)]]), np.array(sink))
    assert_near(weights, [[0.25 * (1 - share), 0.75 * (1 - share)]])
    assert_near(lse, [math.log(4 / (1 - share))])
    assert_near(saved.sink_weights, [[share]])
    gradients = steps.softmax_step_backward((np.array([[1.0, 0.0]]), np.zeros(1)), saved)
    first, second = weights[0]
    assert_near(gradients.d_masked, [[first * (1 - first), -second * first]])
    assert_near(gradients.d_sinks, -share * first)


def test_the_gradient_of_a_sink_is_summed_over_the_rows_of_its_head():
    scores, sinks = np.zeros((2, 5, 3)), np.zeros(2)
    _, saved = steps.softmax_step_forward(scores, sinks)
    d_lse = np.array([[1.0, 2, 3, 4, 5], [10, 20, 30, 40, 50]])
    assert_near(steps.softmax_step_backward((np.zeros((2, 5, 3)), d_lse), saved).d_sinks, [15 / 4, 150 / 4])


@pytest.mark.parametrize("sinks", [None, np.array(-np.inf), np.array(7.0)])
def test_a_row_without_keys(sinks):
    with np.errstate(all="ignore"):  # as all steps run inside attention
        (weights, lse), saved = steps.softmax_step_forward(np.zeros((5, 0)), sinks)
    assert weights.shape == (5, 0)
    assert_exactly(lse, np.full(5, -np.inf if sinks is None else sinks))
    gradients = steps.softmax_step_backward((np.zeros((5, 0)), np.ones(5)), saved)
    assert gradients.d_masked.shape == (5, 0)
    if sinks is not None:
        assert_exactly(gradients.d_sinks, 0.0 if np.isinf(sinks) else 5.0)


@pytest.mark.parametrize("sink", [None, -np.inf, 0.0, np.inf])
@pytest.mark.parametrize("hidden", [-5.0, 1e308, -1e308, np.inf, np.nan])
def test_hidden_cotangents_change_no_bit(sink, hidden):
    visible = np.array([[True, True, False], [False, False, False]])
    masked = np.where(visible, [[0.5, -1.0, 0.0]] * 2, -np.inf)
    d_lse = np.array([-2.0, -3.0])

    def gradients(filling):
        d_weights = np.where(visible, [[3.0, -7.0, 0.0]] * 2, filling)
        with np.errstate(all="ignore"):  # as all steps run inside attention
            _, saved = steps.softmax_step_forward(masked, None if sink is None else np.array(sink), visible)
            d_masked, d_sinks = steps.softmax_step_backward((d_weights, d_lse), saved)
        return steps.mask_backward(d_masked, steps.MaskSaved(visible)).tobytes(), np.array(d_sinks).tobytes()

    assert gradients(hidden) == gradients(1.0)


# ---------------------------------------------------------------------------- 6 dropout, 7 values


def test_dropout_multiplies_both_ways():
    thinned, saved = steps.dropout_forward(np.array([[0.25, 0.75]]), np.array([[0.0, 2.0]]))
    assert_exactly(thinned, [[0.0, 1.5]])
    assert_exactly(steps.dropout_backward(np.array([[3.0, 5.0]]), saved), [[0.0, 10.0]])


def test_values_are_weighted_and_summed():
    thinned, value = np.array([[0.25, 0.75]]), np.array([[4.0, 8.0], [16.0, 32.0]])
    out, saved = steps.values_forward(thinned, value)
    assert_exactly(out, [[13.0, 26.0]])
    gradients = steps.values_backward(np.array([[1.0, 10.0]]), saved)
    assert_exactly(gradients.d_thinned, [[84.0, 336.0]])
    assert_exactly(gradients.d_value, [[0.25, 2.5], [0.75, 7.5]])


def test_values_of_grouped_heads():
    thinned, value = np.arange(1.0, 7).reshape(6, 1, 1), np.array([10.0, 100.0]).reshape(2, 1, 1)
    out, saved = steps.values_forward(thinned, value)
    assert_exactly(out.ravel(), [10.0, 20.0, 30.0, 400.0, 500.0, 600.0])
    gradients = steps.values_backward(np.ones((6, 1, 1)), saved)
    assert_exactly(gradients.d_value.ravel(), [6.0, 15.0])
    assert_exactly(gradients.d_thinned.ravel(), [10.0] * 3 + [100.0] * 3)


# ------------------------------------------------------------------------------------- all of them


def test_a_step_whose_option_is_none_returns_its_input():
    x, d = np.ones((5, 7)), np.ones((5, 7))
    for pair in (na.STEPS.softcap, na.STEPS.bias, na.STEPS.mask, na.STEPS.dropout):
        out, saved = pair.forward(x)
        assert out is x
        back = pair.backward(d, saved)
        assert (back[0] if isinstance(back, tuple) else back) is d


def test_the_steps_are_seven_pairs_in_order():
    assert na.STEPS._fields == ("score", "softcap", "bias", "mask", "softmax", "dropout", "values")
    assert all(isinstance(pair, na.Pair) for pair in na.STEPS)
