"""Error bounds of single operations: by hand, and against float32 arithmetic."""

import numpy as np
import pytest

from numpy_attention.check.rounding.error_analysis import (
    BFLOAT16,
    FLOAT32,
    FLOAT64,
    Arithmetic,
    Bounded,
    error_free,
    stored_error,
)


def test_inputs_have_no_error_and_hidden_numbers_become_zero():
    x = error_free([1.5, np.nan, -np.inf])
    assert x.value.tolist() == [1.5, 0.0, 0.0]
    assert not x.error.any()


def test_storing_adds_its_roundoff_and_tiny():
    x = Bounded(np.array([2.0, np.inf]), np.array([0.25, 0.0]))
    error = stored_error(x, BFLOAT16, FLOAT32)
    assert error[0] == pytest.approx(0.25 + (2.0**-8 + 2.0**-23) * 2.25)
    assert error[1] == BFLOAT16.tiny


def test_the_sum_of_many_errs_like_their_root():
    """Numbers added one after the other in float32: below g(n), and not far below."""
    rng = np.random.default_rng(0)
    for n in (100, 10_000):
        x = rng.uniform(0, 1, (20, n)).astype("float32")
        errors = abs(np.cumsum(x, axis=-1)[:, -1:] - x.astype(float).sum(axis=-1, keepdims=True))
        ratios = errors / Arithmetic(FLOAT32).total(error_free(x)).error
        assert 0.02 < ratios.max() <= 1


def test_products_carry_both_errors():
    a = Arithmetic(FLOAT64)
    x = Bounded(np.array([[2.0, 3.0]]), np.array([[0.5, 0.0]]))
    y = Bounded(np.array([[5.0], [7.0]]), np.full((2, 1), 0.1))
    product = a.product(x, y)
    assert product.value == 31
    assert product.error == pytest.approx(0.5 * 5 + (2.5 + 3) * 0.1)
    times = a.times(Bounded(np.array(2.0), np.array(0.5)), Bounded(np.array(-3.0), np.array(0.1)))
    assert (times.value, times.error) == (-6, pytest.approx(0.5 * 3 + 2.5 * 0.1))


def test_division_scales_the_error_by_the_smallest_divisor():
    quotient = Arithmetic(FLOAT64).divided(
        Bounded(np.array(6.0), np.array(0.5)), Bounded(np.array(2.0), np.array(1.0))
    )
    assert quotient.value == 3
    assert quotient.error == pytest.approx((0.5 + 3 * 1.0) / 1.0)


def test_sums_over_broadcast_axes_add_up_errors():
    x = Bounded(np.ones((2, 3)), np.full((2, 3), 0.5))
    total = Arithmetic(FLOAT64).sum_to_shape(x, (3,), rounds=False)
    assert (total.value.tolist(), total.error.tolist()) == ([2.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("name", ["tanh", "sech_squared"])
def test_functions_of_moved_arguments_stay_within(name):
    """The bound covers the function anywhere within the argument's error."""
    x, error = np.linspace(-8, 8, 41), 0.1
    f = getattr(Arithmetic(FLOAT64), name)
    near = f(Bounded(x, np.full(x.shape, error)))
    for step in (-error, error):
        assert (np.abs(f(error_free(x + step)).value - near.value) <= near.error).all()


@pytest.mark.parametrize("error", [1e-9, 0.1, 3.0])
def test_softmax_of_moved_scores_stays_within(error):
    rng = np.random.default_rng(0)
    x, a = rng.standard_normal((5, 7)), Arithmetic(FLOAT64)
    x[0, 3] = -np.inf
    weights, lse = a.softmax(Bounded(x, np.full(x.shape, error)))
    assert (weights.value[0, 3], weights.error[0, 3]) == (0, 0)
    for _ in range(20):
        moved, moved_lse = a.softmax(
            error_free(x)
            .where(np.isfinite(x), -np.inf)
            ._replace(value=x + rng.choice([-error, error], x.shape))
        )
        assert (np.abs(moved.value - weights.value) <= weights.error).all()
        assert (np.abs(moved_lse.value - lse.value) <= lse.error).all()


def test_a_fully_masked_row_has_weights_and_errors_of_zero():
    with np.errstate(divide="ignore", invalid="ignore"):
        weights, lse = Arithmetic(FLOAT32).softmax(Bounded(np.full((1, 3), -np.inf), np.zeros((1, 3))))
    assert not weights.value.any()
    assert not weights.error.any()
    assert (lse.value[0, 0], lse.error[0, 0]) == (-np.inf, 0)


def test_pinning_cancels_what_a_row_has_in_common():
    """d = 1e6 in every entry: pinned nothing is left of it, otherwise its rounding stays."""
    a, d = Arithmetic(FLOAT64), Bounded(np.full((1, 3), 1e6), np.zeros((1, 3)))
    weights, _ = a.softmax(error_free([[5.0, 0.0, 1.0]]))
    zero = error_free(np.zeros((1, 1)))
    pinned, textbook = (a.softmax_backward(d, weights, zero, pinned=pinned) for pinned in (True, False))
    assert not pinned.value.any()
    assert pinned.error.max() < 1e-300
    assert textbook.error.max() > 1e-12
