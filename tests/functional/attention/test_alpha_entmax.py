"""entmax of any α: values by hand, its own problem, its gradient by α, and what must not happen."""

import numpy as np
import pytest

import numpy_attention as na

RNG = np.random.default_rng(0)


def test_by_hand() -> None:
    assert na.alpha_entmax([0.0, 0.5], 2.0).tolist() == [0.25, 0.75]
    assert na.alpha_entmax([0.0, 1.0, -5.0], 2.0).tolist() == [0, 1, 0]
    np.testing.assert_allclose(na.alpha_entmax([0.0, np.log(3)], 1.0), [0.25, 0.75], rtol=1e-15)
    # α = 1.5: weights of (0, x) are (x/2 ± √(2 - x²/4))² / 4
    np.testing.assert_allclose(
        na.alpha_entmax([0.0, 1.0], 1.5)[1], (0.5 + np.sqrt(1.75)) ** 2 / 4, rtol=1e-15
    )
    # α = 3: weights √(2 x - τ) are 0.6 and 0.4 where 2 x differs by 0.36 - 0.16
    np.testing.assert_allclose(na.alpha_entmax([0.1, 0.0], 3.0), [0.6, 0.4], rtol=1e-14)
    np.testing.assert_allclose(na.alpha_entmax(np.zeros(5), 1.3), np.full(5, 0.2), rtol=1e-15)


def test_the_gradient_by_alpha_at_softmax_is_the_limit_of_the_paper() -> None:
    """Correia et al. 2019: ∂p/∂α = (p Σ p log² p - p log² p) / 2 at α = 1."""
    x, d = RNG.standard_normal((2, 11))
    out, saved = na.alpha_entmax_forward(x, np.array(1.0))
    square = out * np.log(out) ** 2
    expected = d @ (out * square.sum() - square) / 2
    np.testing.assert_allclose(na.alpha_entmax_backward(d, saved).d_alpha, expected, rtol=1e-13)


@pytest.mark.parametrize("alpha", [0.6, 1.0, 1 + 1e-12, 1.1, 1.5, 1.9, 2.0, 2.7])
@pytest.mark.parametrize("size", [1e-8, 1.0, 30.0, 1e4])
def test_it_solves_its_problem(alpha: float, size: float) -> None:
    """p maximises <p, x> + H(p): x - log_ε(p), its slope, is one number on the support, no less outside."""
    x = size * np.random.default_rng(1).standard_normal((40, 11))
    p, order = na.alpha_entmax(x, alpha), alpha - 1
    logs = np.log(np.where(p > 0, p, 1))
    slopes = x - (np.expm1(order * logs) / order if order else logs)
    level = np.where(p > 0, slopes, -np.inf).max(axis=-1, keepdims=True)
    tolerance = 1e-13 * max(size, 1)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=0, atol=1e-14)
    assert (abs(slopes - level)[p > 1e-300] <= tolerance).all()
    if alpha > 1.01:  # below, weights underflow before they are 0
        assert (x + 1 / order <= level + tolerance)[p == 0].all()


@pytest.mark.parametrize("alpha", [2.5, 5.0, 20.0, 100.0, 1000.0])
def test_of_a_large_alpha(alpha: float) -> None:
    """c near 1 / ε has no digits left for weights: ties, two entries by hand, rows that sum to 1."""
    np.testing.assert_allclose(na.alpha_entmax(np.zeros(3), alpha), np.full(3, 1 / 3), rtol=1e-14)
    order = alpha - 1
    x = np.array([0.0, (0.45**order - 0.55**order) / order])
    rtol = 1e-14 * (1 + (0.55 / 0.45) ** order / order)
    if rtol < 1:
        np.testing.assert_allclose(na.alpha_entmax(x, alpha), [0.55, 0.45], rtol=rtol)
    for size in (1e-8, 1.0, 1e4):
        rows = size * np.random.default_rng(2).standard_normal((40, 11))
        weights = na.alpha_entmax(rows, alpha)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-14)
        assert (weights.argmax(axis=-1) == rows.argmax(axis=-1)).all()


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.6, 2.0, 3.0, 9.0])
def test_gradients_are_those_of_the_complex_step(alpha: float) -> None:
    x, direction, d = np.random.default_rng(3).standard_normal((3, 7))
    x, step = x / alpha**2, 1e-30
    d_x, d_alpha = na.alpha_entmax_backward(d, na.alpha_entmax_forward(x, np.array(alpha))[1])
    for found, x_step, alpha_step in ((d_x @ direction, step, 0), (d_alpha, 0, step)):
        out, _ = na.alpha_entmax_forward(x + 1j * x_step * direction, np.array(alpha + 1j * alpha_step))
        np.testing.assert_allclose(found, d @ out.imag / step, rtol=1e-9)


@pytest.mark.parametrize("alpha", [1.0, 1.4, 2.0, 3.0])
def test_hidden_entries_and_fully_masked_rows(alpha: float) -> None:
    x = np.array([[0.3, -np.inf, 0.1], [-np.inf] * 3])
    out, saved = na.alpha_entmax_forward(x, np.array(alpha))
    assert out[:, 1].tolist() == [0, 0]
    assert out[1].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(out[0, [0, 2]], na.alpha_entmax([0.3, 0.1], alpha))
    d_x, d_alpha = na.alpha_entmax_backward(np.array([[1.0, np.nan, 3.0], [np.nan] * 3]), saved)
    assert d_x[:, 1].tolist() == [0, 0]
    assert d_x[1].tolist() == [0, 0, 0]
    assert np.isfinite(d_x).all()
    assert np.isfinite(d_alpha)


def test_no_bit_of_a_row_depends_on_other_rows() -> None:
    rows = np.concatenate([RNG.standard_normal((3, 7)), 30 * RNG.standard_normal((3, 7)), np.ones((1, 7))])
    together = na.alpha_entmax(rows, 1.4)
    changed = rows.copy()
    changed[3:] = 1e3 * rows[3:] ** 2
    np.testing.assert_array_equal(na.alpha_entmax(changed, 1.4)[:3], together[:3])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_entry_that_is_not_finite_spoils_its_row_only(bad: float) -> None:
    result = na.alpha_entmax(np.array([[bad, 1.0], [0.0, 1.0]]), 1.5)
    assert np.isnan(result[0]).all()
    np.testing.assert_array_equal(result[1], na.alpha_entmax([0.0, 1.0], 1.5))


def test_alpha_for_each_head_along_another_axis() -> None:
    x, alpha = RNG.standard_normal((2, 7, 3)), np.array([[1.0], [1.5], [2.0]]).T
    out, saved = na.alpha_entmax_forward(x, alpha, axis=1)
    for head in range(3):
        np.testing.assert_array_equal(out[..., head], na.alpha_entmax(x[..., head], alpha[0, head], axis=1))
    assert na.alpha_entmax_backward(out, saved).d_alpha.shape == (1, 3)


def test_the_step_is_entmax_of_the_scores_with_a_sink_beside() -> None:
    scores, alpha = RNG.standard_normal((3, 5, 7)), np.array([1.2, 1.5, 1.8])[:, None, None]
    steps = na.STEPS._replace(softmax=na.entmax_step(alpha))
    sinks = RNG.standard_normal(3)
    _, saved = na.attend_forward(scores, np.ones((3, 7, 2)), sinks=sinks, steps=steps)
    columns = np.concatenate([scores, np.broadcast_to(sinks[:, None, None], (3, 5, 1))], axis=-1)
    np.testing.assert_allclose(saved.weights, na.alpha_entmax(columns, alpha)[..., :-1], rtol=1e-14)
    np.testing.assert_allclose(saved.lse, na.logsumexp(columns), rtol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.inf, np.nan])
def test_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha holds .*; finite numbers above 0 are expected"):
        na.alpha_entmax([1.0, 2.0], alpha)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"alpha has shape \(3,\).* the shape of x, 1 along its axis, \(2, 1\)"
    ):
        na.alpha_entmax(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="axis is 2; a whole number from -2 to 1 is expected"):
        na.alpha_entmax(np.ones((2, 3)), 1.5, axis=2)
    steps = na.STEPS._replace(softmax=na.entmax_step(np.ones(7)))
    with pytest.raises(ValueError, match=r"alpha has shape \(7,\).* the rows of the scores"):
        na.attend_forward(np.ones((5, 7)), np.ones((7, 2)), steps=steps)
