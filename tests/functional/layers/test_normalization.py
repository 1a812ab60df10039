"""layer_norm and rms_norm."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.examples import Example
from numpy_attention.check.pairs.rules import RULES

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)
SCALES = {
    "float32": (-100, -66, 66, 110),
    "float64": (-900, 600, 1000),
    "complex64": (-60, 110),
    "complex128": (-600, 1000),
}
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


def results(x, eps, centred):  # type: ignore[no-untyped-def]
    """Output and gradients, in the dtype of x."""
    dtype, name = x.dtype, "layer_norm" if centred else "rms_norm"
    arguments = [array.astype(dtype) for array in ((WEIGHT, BIAS) if centred else (WEIGHT,))]
    out, saved = getattr(na, f"{name}_forward")(x, *arguments, eps)
    d_out = np.cos(np.arange(x.size)).reshape(x.shape).astype(dtype)
    return out, *getattr(na, f"{name}_backward")(d_out, saved)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("dtype, powers", SCALES.items())
def test_scaling_by_a_power_of_two_changes_no_bit(dtype: str, powers: tuple[int, ...], centred: bool) -> None:
    """With eps = 0, rows far from 1 beside rows near 1; d_x shrinks by the same power."""
    x = X.reshape(6, 5).astype(dtype)
    out, d_x, *others = results(x, 0.0, centred)
    for power in powers:
        scale = np.ldexp(np.ones((6, 1), x.real.dtype), [[power]] * 3 + [[0]] * 3)
        with np.errstate(all="raise"):
            far, d_far, *others_far = results(scale * x, 0.0, centred)
        np.testing.assert_array_equal(far, out)
        np.testing.assert_array_equal(scale * d_far, d_x)
        np.testing.assert_array_equal(others_far, others)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(
    "size, eps", [(1e25, 1e-5), (1e-25, 1e-5), (1e-25, 1e-50), (1e-30, 1e-60), (1e38, 1e-5)]
)
def test_float32_far_from_1_agrees_with_float64(size: float, eps: float, centred: bool) -> None:
    x = (size * X / abs(X).max()).astype(np.float32)
    for narrow, wide in zip(results(x, eps, centred), results(x.astype(float), eps, centred), strict=True):
        np.testing.assert_allclose(narrow, wide, rtol=0, atol=2e-6 * abs(wide).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_smallest_numbers_are_normalised_without_eps(dtype: str) -> None:
    x = np.array([3.0, 6.0, 12.0, -3.0]).astype(dtype) * np.finfo(dtype).smallest_subnormal
    unit = np.array([1.0, 2.0, 4.0, -1.0]) / np.sqrt(5.5)
    np.testing.assert_allclose(na.rms_norm(x, np.ones(4, dtype), eps=0.0), unit, rtol=1e-6)


def test_the_second_derivative_holds_far_from_1() -> None:
    for rule in (rule for rule in RULES if rule.name in ("layer_norm", "rms_norm")):
        for size in (1e-160, 1e160):
            x, *rest = rule.examples[0].args
            report = rule.check(Example(f"{size}", (size * x, *rest), {"eps": 0.0}), order=2)
            assert report.ok, f"{rule.name} {size}: {report}"


@pytest.mark.parametrize("base, spread, width", [(1e8, 8.0, 8), (1e6, 0.1, 1024), (2000.0, 1.0, 4)])
def test_a_mean_far_above_the_spread_keeps_the_digits_of_the_input(
    base: float, spread: float, width: int
) -> None:
    x = (base + spread * np.random.default_rng(0).standard_normal(width)).astype(np.float32)
    one, zero, d_out = (
        np.ones(width),
        np.zeros(width),
        (base + spread * np.cos(np.arange(width))).astype(np.float32),
    )
    out, saved = na.layer_norm_forward(x, one.astype(np.float32), zero.astype(np.float32))
    right, wide = na.layer_norm_forward(x.astype(float), one, zero)
    np.testing.assert_allclose(out, right, rtol=0, atol=2e-6)
    d_x = na.layer_norm_backward(d_out, wide).d_x
    np.testing.assert_allclose(
        na.layer_norm_backward(d_out, saved).d_x, d_x, rtol=0, atol=4e-6 * abs(d_x).max()
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
        (lambda: na.layer_norm(1.0, [1.0], [0.0]), r"x has shape \(\); at least 1 axis"),
    ],
)
def test_invalid_arguments(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
