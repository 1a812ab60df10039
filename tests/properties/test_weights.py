"""Rows of weights sum to one, and average the values."""

import math

import numpy as np

from tests.support.formula import SMALLEST, U, formula, g, sum_error
from tests.support.judges import assert_within
from tests.support.strategies import for_all


def log_sum_error(S, lse):
    """What top + log(sum) may lose: the sum of S + 1 terms, the logarithm, the addition."""
    return g(S + 1) * (1 + math.log(S + 2)) + 2 * U * np.where(np.isfinite(lse), abs(lse), 0)


@for_all()
def test_rows_of_weights_sum_to_one_or_to_zero(case):
    _, saved = case.forward()
    S, attends = case.shape[-1], case.visible.any(axis=-1)
    assert (saved.weights >= 0).all()
    assert (saved.weights[~case.visible] == 0).all()
    assert (abs(saved.weights.sum(axis=-1) - attends)[~attends | (case.sinks is None)] <= g(S + 1)).all()


@for_all(having=("sinks",))
def test_rows_and_their_sink_sum_to_one(case):
    _, saved = case.forward()
    S, sinks = case.shape[-1], case.sinks.astype(float)[..., None]
    share = np.exp(sinks - saved.lse)
    lost = g(S + 1) + log_sum_error(S, saved.lse) + U * abs(sinks - saved.lse)
    assert (abs(saved.weights.sum(axis=-1) + share - 1) <= lost).all()


@for_all(without=("sinks",))
def test_a_constant_along_a_row_moves_lse_and_nothing_else(case):
    case = case.with_full_bias()
    constant = 3 * case.rng().standard_normal((*case.shape[:-1], 1))
    bias = case.bias + constant
    moved = case.but(bias=bias)
    numbers = case.run()
    expected = numbers._replace(lse=numbers.lse + constant[..., 0])
    rounding = U * np.where(np.isfinite(bias), abs(bias), 0)
    _, bound = formula(case)
    _, moved_bound = formula(moved, bias_error=rounding)
    assert_within(moved.run(), expected, bound, moved_bound)


@for_all()
def test_lse_lies_between_the_largest_score_and_log_n_above_it(case):
    _, saved = case.forward()
    scores = next(x for x in (saved.masked, saved.biased, saved.capped, saved.scores) if x is not None)
    top = np.where(case.visible, scores, -np.inf).max(axis=-1, initial=-np.inf)
    n = case.visible.sum(axis=-1)
    if case.sinks is not None:
        top, n = np.maximum(top, case.sinks.astype(float)[..., None]), n + 1
    lost = log_sum_error(case.shape[-1], saved.lse)
    assert (saved.lse >= top - lost)[n > 0].all()
    assert (saved.lse <= top + np.log(np.maximum(n, 1)) + lost)[n > 0].all()
    assert (saved.lse[n == 0] == -np.inf).all()


@for_all(without=("d_weights",), having=("d_lse",))
def test_the_gradient_of_lse_is_the_weights(case):
    case = case.with_full_bias().but(d_out=np.zeros_like(case.d_out))
    numbers = case.run()
    expected = numbers.weights * case.d_lse.astype(float)[..., None]
    assert (abs(numbers.d_bias - expected) <= 4 * U * abs(expected) + SMALLEST).all()
    assert not np.any(numbers.d_value)


@for_all(without=("dropout", "multipliers"))
def test_the_output_lies_within_the_hull_of_the_visible_values(case):
    out, _ = case.forward()
    value = np.repeat(case.value, case.group, axis=-3) if case.group > 1 else case.value
    value, seen = value.astype(float)[..., None, :, :], case.visible[..., None]
    low = np.where(seen, value, np.inf).min(axis=-2, initial=np.inf)
    high = np.where(seen, value, -np.inf).max(axis=-2, initial=-np.inf)
    if case.sinks is not None:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    attends = case.visible.any(axis=-1)  # lost: by weights, product, and the nearer of two roundings
    size = np.where(seen, abs(value), 0).max(axis=-2, initial=0)
    own = np.finfo(case.computed_in)
    lost = (
        4 * sum_error(case.shape[-1] + 1, own.eps / 2) * size
    )  # weights, product, the nearer of two roundings
    lost = lost + float(own.smallest_normal)
    inside = (low - lost <= out) & (out <= high + lost)
    assert inside[attends].all()
    assert (out[~attends] == 0).all()


@for_all()
def test_the_output_is_linear_in_the_values(case):
    case, rng = case.in_double(), case.rng()
    other = rng.standard_normal(case.value.shape) * abs(case.value).max(initial=1)
    a, b = rng.standard_normal(2)

    def out(value):
        return case.but(value=value).forward()[0]

    expected = a * out(case.value) + b * out(other)
    size = out(abs(a * case.value) + abs(b * other))  # the multipliers are not negative
    lost = 3 * (g(case.shape[-1]) + 4 * U) * size + SMALLEST
    assert (abs(out(a * case.value + b * other) - expected) <= lost).all()
