"""Softmax and its kin, losses and norms against fifty digits, within a bound at the precision computed in.

float16 is computed in float32 and rounded once. Each bound is derived in place: `error_analysis.py`
propagates rounding operation by operation; λ u bounds the error of NumPy's exp and log.
"""

from decimal import Decimal

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.reference.evaluation import errors
from numpy_attention.check.rounding.decimals import digits, exact
from numpy_attention.check.rounding.error_analysis import FLOAT32, FLOAT64, Arithmetic, Bounded, error_free
from tests.support import law_definitions as definitions

PAIRS = {rule.name: rule for rule in RULES}
DTYPES = ("float64", "float32", "float16")


def computed_in(dtype):
    return ("float64", FLOAT64) if dtype == "float64" else ("float32", FLOAT32)


def assert_within(got, expected, bound, dtype):
    """Within `bound` where computed in `dtype`; half a unit of its own more where rounded from another."""
    inner, _ = computed_in(dtype)
    over = errors(got, expected, bound, inner).over
    assert over.max(initial=0) <= 1, (over.max(), np.unravel_index(over.argmax(), got.shape))


def by_rows(function, *arrays):
    """function of each row, results stacked."""
    with digits():
        rows = [function(*row) for row in zip(*arrays, strict=True)]
        parts = zip(*rows, strict=True) if isinstance(rows[0], tuple) else [rows]
    return [np.array(list(part), dtype=object) for part in parts]


ROWS = {
    "normal": lambda rng: rng.standard_normal((5, 7)),
    "36 ahead": lambda rng: rng.standard_normal((5, 7)) + 36 * np.eye(5, 7),
    "±1e4": lambda rng: 1e4 * rng.uniform(-1, 1, (5, 7)),
    "tied": lambda rng: np.repeat(rng.standard_normal((5, 1)), 6, axis=1),
    "hidden entries": lambda rng: np.where(rng.random((5, 7)) < 0.5, -np.inf, rng.standard_normal((5, 7))),
    "tiny": lambda rng: 1e-7 * rng.standard_normal((5, 7)),
    "one entry": lambda rng: rng.standard_normal((5, 1)),
    "1,009 entries": lambda rng: rng.standard_normal((1, 1009)),
}


def given(name, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = ROWS[name](rng).astype(dtype)
    return x, rng.standard_normal(x.shape).astype(dtype), np.isfinite(x)


# --------------------------------------------------------------------------------- softmax and its kin


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_softmax_and_logsumexp(name, dtype):
    """weights (e + Σ weights e + g(n) + …) with e = u |x - top|, and what `Arithmetic.softmax` adds to it."""
    x, d, seen = given(name, dtype)
    a = Arithmetic(computed_in(dtype)[1])
    weights, lse = a.softmax(error_free(x).where(seen, -np.inf))
    exact_weights, exact_lse, _ = by_rows(definitions.softmax, exact(x))
    out, saved = PAIRS["softmax"].forward(x)
    assert_within(out, exact_weights, weights.error, dtype)
    # backward: weights (d - Σ weights d), pinned at the peak
    zero = error_free(np.zeros((len(x), 1)))
    bound = a.softmax_backward(error_free(d), weights, zero, pinned=True).error
    if x.shape[1] < 100:
        (expected,) = by_rows(definitions.softmax_back, exact_weights, exact(d))
        assert_within(PAIRS["softmax"].backward(d, saved), expected, bound, dtype)
    # logsumexp: Σ weights e + g(n) + λ u |log Σ| + u |lse|; backward: one product
    out, saved = PAIRS["logsumexp"].forward(x)
    assert_within(out, exact_lse, lse.error[:, 0], dtype)
    bound = a.times(weights, error_free(d[:, :1])).error
    with digits():
        expected = exact_weights * exact(d[:, :1])
    assert_within(PAIRS["logsumexp"].backward(d[:, 0], saved), expected, bound, dtype)


def log_softmax_bound(a, x, seen):
    """shifted - log1p(others): u |shifted|; others = Σ exp(shifted) but for the peak's own 1, each off by
    λ u + u |shifted|, summed with g(n); the slope of log1p is 1 / (1 + others); λ u of itself; u |out|."""
    x = np.where(seen, x.astype(float), -np.inf)
    peak = np.argmax(x, axis=-1, keepdims=True)
    shifted = x - np.take_along_axis(x, peak, axis=-1)
    size = np.where(seen, abs(shifted), 0)
    powers = np.where(np.arange(x.shape[-1]) == peak, 0, np.exp(shifted))
    others = powers.sum(axis=-1, keepdims=True)
    off = (powers * a.u * (a.safety + size) + a.tiny).sum(axis=-1, keepdims=True) + a.g(x.shape[-1]) * others
    log = np.log1p(others)
    error = a.u * size + off / (1 + others) + a.safety * a.u * log + a.u * (size + log) + a.tiny
    return np.where(seen, error, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ROWS if name != "hidden entries"])
def test_log_softmax(name, dtype):
    x, d, seen = given(name, dtype)
    a = Arithmetic(computed_in(dtype)[1])
    out, saved = PAIRS["log_softmax"].forward(x)
    weights, _, logs = by_rows(definitions.softmax, exact(x))
    assert_within(out, logs, log_softmax_bound(a, x, seen), dtype)
    # backward: d - weights Σ d
    share, _ = a.softmax(error_free(x))
    bound = a.minus(error_free(d), a.times(share, a.total(error_free(d)))).error
    with digits():
        expected = exact(d) - weights * exact(d).sum(axis=-1, keepdims=True)
    assert_within(PAIRS["log_softmax"].backward(d, saved), expected, bound, dtype)


def alpha_entmax_bound(a, x, weights, alpha):
    """p = [1 + ε distance]^(1 / ε), distance = x - top - c, and s = p^(1 - ε) its derivative by it.

    distance is off by u (|x - top| + |distance|) and what c is off; a logarithm, two products and a quotient
    add (λ + 3) u |log p|, exp λ u. c leaves a residual of the sum of such errors and g(n), over the slope
    Σ s; 2 u |c| where Newton adds its last step.
    """
    order, seen = alpha - 1, np.isfinite(x)
    shifted = np.where(seen, x - x.max(axis=-1, keepdims=True), 0)
    logs = np.log(np.where(weights > 0, weights, 1))
    slopes = np.where(weights > 0, np.exp((1 - order) * logs), 0)
    distance = np.expm1(order * logs) / order if order else logs
    own = a.u * (slopes * (abs(shifted) + abs(distance)) + weights * ((a.safety + 3) * abs(logs) + a.safety))
    c = abs(shifted - distance).max(axis=-1, keepdims=True, initial=0, where=weights > 0)
    residual = own.sum(axis=-1, keepdims=True) + a.g(x.shape[-1])
    return own + slopes * (residual / slopes.sum(axis=-1, keepdims=True) + 2 * a.u * c) + a.tiny


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", [1.0, 1.0625, 1.5, 2.0])
@pytest.mark.parametrize("name", ["normal", "36 ahead", "tied", "hidden entries", "tiny"])
def test_alpha_entmax(name, alpha, dtype):
    x, _, _ = given(name, dtype)
    (expected,) = by_rows(definitions.alpha_entmax, exact(x), [Decimal(alpha)] * len(x))
    bound = alpha_entmax_bound(
        Arithmetic(computed_in(dtype)[1]), x.astype(float), expected.astype(float), alpha
    )
    assert_within(PAIRS["alpha_entmax"].forward(x, np.array(alpha))[0], expected, bound, dtype)


# ------------------------------------------------------------------------------------------- losses


def mean_bound(a, loss, error):
    """Σ in float64, rounded to the precision computed in; divided by how many there are."""
    n = loss.size
    return error.sum() / n + (n * 2.0**-53 + 3 * a.u) * abs(loss).sum() / n


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ROWS if name not in ("hidden entries", "1,009 entries")])
def test_cross_entropy(name, dtype, smoothing):
    """-Σ share log weight: 2 u for the share and the product, what the logarithm is off, g(C) for the sum."""
    x, _, seen = given(name, dtype)
    a = Arithmetic(computed_in(dtype)[1])
    rng = np.random.default_rng(1)
    targets = rng.integers(0, x.shape[1], len(x))
    options = dict(label_smoothing=smoothing, reduction="none")

    def row(x, target):
        return definitions.cross_entropy(x, int(target), smoothing)

    losses, slopes = by_rows(row, exact(x), targets)
    share = np.where(np.arange(x.shape[1]) == targets[:, None], 1 - smoothing, 0) + smoothing / x.shape[1]
    logs = abs(np.array(by_rows(definitions.softmax, exact(x))[2], dtype=float))
    error = (share * log_softmax_bound(a, x, seen)).sum(axis=-1)
    error += (a.g(x.shape[1]) + 2 * a.u) * (share * logs).sum(axis=-1) + a.tiny
    out, saved = PAIRS["cross_entropy"].forward(x, targets, **options)
    assert_within(out, losses, error, dtype)
    with digits():
        expected = losses.sum() / len(losses)
    options["reduction"] = "mean"
    mean, _ = PAIRS["cross_entropy"].forward(x, targets, **options)
    assert_within(np.asarray(mean), np.asarray(expected), mean_bound(a, losses.astype(float), error), dtype)
    # backward: weight - share; at the target, where its weight is above 1/2, minus the sum of the others
    weights, _ = a.softmax(error_free(x))
    off = weights.error + 2 * a.u * share + a.u * abs(weights.value - share)
    own = np.arange(x.shape[1]) == targets[:, None]
    others = np.where(own, 0, off).sum(axis=-1, keepdims=True)
    others += a.g(x.shape[1]) * np.where(own, 0, abs(weights.value - share)).sum(axis=-1, keepdims=True)
    near_half = abs(weights.value - 0.5) <= weights.error
    bound = np.where(own & (weights.value > 0.5), others, off)
    bound = np.where(own & near_half, np.maximum(others, off), bound)
    d = rng.standard_normal(len(x)).astype(dtype)
    got = PAIRS["cross_entropy"].backward(d, saved)
    with digits():
        expected = exact(d)[:, None] * slopes
    bound = a.times(error_free(d[:, None]), Bounded(slopes.astype(float), bound)).error
    assert_within(got, expected, bound, dtype)


ELEMENTWISE = {
    # loss: λ u of each logarithm, 1 - t, product, sum. Slope (p - t) / (p (1 - p)): five operations, and d
    "binary_cross_entropy": (7, lambda p, t, slope: 6 * abs(slope)),
    # softplus: λ u of exp and of log1p, its sum; 1 - t, product, sum. σ: λ u of exp, sum, quotient
    "binary_cross_entropy_with_logits": (
        12,
        lambda z, t, slope: 10 * ((1 - t) / (1 + np.exp(-z)) + t / (1 + np.exp(z))),
    ),
    "mean_squared_error": (3, lambda p, t, slope: 3 * abs(slope)),
    "mean_absolute_error": (2, lambda p, t, slope: 2 * abs(slope)),
}
"""Error bounds of a loss and its slope in units of u (λ = 4); all terms of these losses have one sign."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_losses_element_by_element(name, dtype):
    rng = np.random.default_rng(2)
    a = Arithmetic(computed_in(dtype)[1])
    n = 97
    if name == "binary_cross_entropy":
        near = 10.0 ** rng.uniform(-7, 0, (2, n))
        x = np.concatenate([rng.uniform(0, 1, n), near[0], 1 - near[1]])
    else:
        x = np.concatenate([rng.standard_normal(n), rng.uniform(-80, 80, n), 1e-3 * rng.standard_normal(n)])
    targets = np.where(rng.random(x.size) < 0.5, rng.integers(0, 2, x.size), rng.uniform(0, 1, x.size))
    x, targets, d = x.astype(dtype), targets.astype(dtype), rng.standard_normal(x.size).astype(dtype)
    if name == "binary_cross_entropy":
        x = np.clip(x, np.finfo(dtype).smallest_normal, 1 - np.finfo(dtype).eps)
    losses, slopes = by_rows(getattr(definitions, name), exact(x), exact(targets))
    units, of_slope = ELEMENTWISE[name]
    out, saved = PAIRS[name].forward(x, targets, reduction="none")
    error = units * a.u * abs(losses.astype(float)) + a.tiny
    assert_within(out, losses, error, dtype)
    mean, _ = PAIRS[name].forward(x, targets)
    with digits():
        expected = losses.sum() / len(losses)
    assert_within(np.asarray(mean), np.asarray(expected), mean_bound(a, losses.astype(float), error), dtype)
    with digits():
        expected = exact(d) * slopes
    allowed = a.u * of_slope(x.astype(float), targets.astype(float), slopes.astype(float))
    bound = abs(d.astype(float)) * allowed + a.u * abs(expected.astype(float)) + a.tiny
    assert_within(PAIRS[name].backward(d, saved), expected, bound, dtype)


# -------------------------------------------------------------------------------------------- norms


def norm_bounds(a, x, weight, bias, eps, d_out, centre):
    """The formulas of `normalization.py`, operation by operation."""
    n = error_free(x.shape[-1])
    x, weight, d_out = error_free(x), error_free(weight), error_free(d_out)
    centred = a.minus(x, a.divided(a.total(x), n)) if centre else x
    square = a.plus(a.divided(a.total(a.times(centred, centred)), n), error_free(eps))
    # 1 / sqrt(v): half the relative error of v, and a rounding each for root and quotient; one more for eps
    value = square.value**-0.5
    rate = Bounded(value, value * (0.5 * square.error / (square.value - square.error) + 3 * a.u))
    unit = a.times(centred, rate)
    out = a.times(weight, unit)
    d_unit = a.times(weight, d_out)
    inner = a.minus(d_unit, a.divided(a.total(d_unit), n)) if centre else d_unit
    along = a.divided(a.total(a.times(unit, d_unit)), n)
    d_x = a.times(rate, a.minus(inner, a.times(unit, along)))
    d_weight = a.sum_to_shape(a.times(d_out, unit), weight.value.shape)
    if centre:
        out = a.plus(out, error_free(bias))
    return out.error, d_x.error, d_weight.error, a.sum_to_shape(d_out, weight.value.shape).error


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["normal", "36 ahead", "±1e4", "tiny"])
@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_norms(norm, name, dtype):
    x, d_out, _ = given(name, dtype)
    rng = np.random.default_rng(3)
    weight, bias = (rng.standard_normal(x.shape[1]).astype(dtype) for _ in range(2))
    centre, eps = norm == "layer_norm", 1e-5
    out, saved = PAIRS[norm].forward(x, weight, *([bias] if centre else []), eps)
    gradients = PAIRS[norm].backward(d_out, saved)
    a = Arithmetic(computed_in(dtype)[1])
    allowed = norm_bounds(a, x, weight, bias, eps, d_out, centre)

    def row(x, d):
        return definitions.norm(x, exact(weight), exact(bias), eps, d, centre)

    out_, d_x, d_weight, d_bias = by_rows(row, exact(x), exact(d_out))
    with digits():
        expected = [out_, d_x, d_weight.sum(axis=0), d_bias.sum(axis=0)]
    for got, y, bound in zip((out, *gradients), expected, allowed, strict=False):
        assert_within(got, y, bound, dtype)


# ----------------------------------------------------------------------------- bounds that can be exceeded


def test_a_row_in_float32_is_not_good_enough_for_float64():
    x, _, seen = given("normal", "float32")
    weights, lse = Arithmetic(FLOAT64).softmax(error_free(x).where(seen, -np.inf))
    expected = by_rows(definitions.softmax, exact(x))
    assert errors(na.softmax(x).astype(float), expected[0], weights.error).over.max() > 1e5
    assert errors(na.logsumexp(x).astype(float), expected[1], lse.error[:, 0]).over.max() > 1e5


def test_a_norm_without_its_mean_is_detected():
    """layer_norm's backward where the mean of d_unit is forgotten, or the variance taken over n - 1."""
    x, d_out, _ = given("normal", "float64")
    weight, bias = np.ones(7), np.zeros(7)
    out, saved = PAIRS["layer_norm"].forward(x, weight, bias)
    allowed = norm_bounds(Arithmetic(FLOAT64), x, weight, bias, 1e-5, d_out, True)

    def row(x, d):
        return definitions.norm(x, exact(weight), exact(bias), 1e-5, d, True)

    right, d_x, *_ = by_rows(row, exact(x), exact(d_out))
    wrong = saved.rate * (d_out - saved.unit * (saved.unit * d_out).mean(axis=-1, keepdims=True))
    assert errors(wrong, d_x, allowed[1]).over.max() > 1e5
    assert errors(out * np.sqrt(6 / 7), right, allowed[0]).over.max() > 1e5
