"""Rows and entries that a visible NaN or infinity reaches, by hand."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast.nonfinite import (
    all_finite,
    is_nan_or_plus_inf,
    merge_gradients,
    nonfinite_rows,
    options_are_finite,
    restrict_to_rows,
    with_finite_inputs,
)
from tests.support.fast_problems import problem_of

INF, NAN = np.inf, np.nan


def problem(place=None, at=(), wrong=NAN):
    """Four rows, five keys, causal; `wrong` at one entry of an argument."""
    inputs = {"query": np.ones((4, 1)), "key": np.ones((5, 1)), "value": np.ones((5, 1))}
    inputs |= {"bias": np.zeros((4, 5)), "scale": np.ones((4, 1))}
    if place is not None:
        inputs[place][at] = wrong
    return problem_of(**inputs, mask=na.causal("top_left"))


@pytest.mark.parametrize("wrong", [NAN, INF])
@pytest.mark.parametrize(
    "place, at, rows",
    [
        ("query", (1, 0), [1]),
        ("key", (2, 0), [2, 3]),  # the rows that see key 2
        ("key", (4, 0), []),  # which no row sees
        ("value", (0, 0), []),  # no score depends on it
        ("bias", (2, 1), [2]),
        ("bias", (2, 3), []),  # masked
        ("scale", (3, 0), [3]),
    ],
)
@pytest.mark.parametrize("side", [2, 1024])
def test_row_is_non_finite_if_a_visible_score_is(place, at, wrong, rows, side):
    assert np.flatnonzero(nonfinite_rows(problem(place, at, wrong), side)).tolist() == rows


def test_bias_of_minus_infinity_is_a_mask():
    hidden = problem("bias", (2, 1), -INF)
    assert not nonfinite_rows(hidden, 1024).any()
    assert options_are_finite(hidden)
    assert with_finite_inputs(hidden).bias[2, 1] == -INF
    assert not options_are_finite(problem("bias", (2, 1), INF))
    assert not options_are_finite(problem("scale", (2, 0), -INF))


def test_sink_reaches_all_rows_of_its_head():
    ones = np.ones((2, 3, 1))
    rows = nonfinite_rows(problem_of(ones, ones, ones, sinks=np.array([0.0, INF])), 1024)
    assert rows.tolist() == [[False] * 3, [True] * 3]


def test_finite_inputs_have_zeros_in_place_of_the_others():
    cleaned = with_finite_inputs(problem("key", (2, 0), INF))
    assert cleaned.key[:, 0].tolist() == [1, 1, 0, 1, 1]
    assert with_finite_inputs(problem("bias", (0, 1), NAN)).bias.tolist() == np.zeros((4, 5)).tolist()


def test_restricted_problem_masks_all_other_rows():
    restricted = restrict_to_rows(problem(), np.array([False, True, False, False]))
    visible = restricted.visible(slice(0, 4), slice(0, 5))
    assert np.argwhere(visible).tolist() == [[1, 0], [1, 1]]


def test_gradients_are_merged_where_finite():
    """Sum of both kinds of rows; blockwise's own where a number is not finite; zeros keep their sign."""
    finite_rows, other_rows = np.array([1.0, 2.0, -0.0, 4.0]), np.array([10.0, NAN, 0.0, 0.0])
    merged = merge_gradients(finite_rows, other_rows, np.array([9.0, 8.0, 7.0, INF]))
    assert merged.tolist() == [11, 8, 0, INF]
    assert np.signbit(merged[2])
    assert merge_gradients(None, None, None) is None


def test_extremes_tell_whether_all_is_finite():
    assert all_finite(np.zeros((0, 3)))
    assert all_finite(np.array([1.0, -2.0]))
    assert not any(all_finite(np.array([0.0, x, 1.0])) for x in (NAN, INF, -INF))
    assert is_nan_or_plus_inf(np.array([0.0, NAN, INF, -INF])).tolist() == [False, True, True, False]


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_gradients_of_broadcast_arguments_are_merged_at_one_shape(batch):
    """Values near float32's end overflow in some rows alone; key, value and scale are shared by the batch."""
    query, key = np.full((batch, 1, 2, 1), 20.0), np.array([[[[1.0], [0.9]]]])
    value, d_out = np.array([[[[1e30], [2e30]]]]), np.full((batch, 1, 2, 1), 1e-30)
    query, key, value, d_out = (x.astype("float32") for x in (query, key, value, d_out))
    expected, got = (
        backward(d_out, forward(query, key, value, scale=np.float32(1.0))[1])
        for forward, backward in (
            (na.attention_forward, na.attention_backward),
            (na.fast_attention_forward, na.fast_attention_backward),
        )
    )
    for name in ("d_key", "d_value", "d_scale"):
        right = getattr(expected, name)
        assert np.isfinite(right).all()
        np.testing.assert_allclose(getattr(got, name), right, rtol=1e-5)
