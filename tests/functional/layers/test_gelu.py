"""gelu, exact and by tanh."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.layers.gelu import normal_cdf, normal_density

EPS = np.finfo(float).eps


def test_by_hand() -> None:
    assert na.gelu(0.0) == 0
    np.testing.assert_allclose(na.gelu(1.0), (1 + math.erf(math.sqrt(0.5))) / 2, rtol=4 * EPS)
    np.testing.assert_allclose(na.gelu([-2.0, 3.0]) - na.gelu([2.0, -3.0]), [-2.0, 3.0], rtol=4 * EPS)
    u = math.sqrt(2 / math.pi) * (2 + 0.044715 * 8)
    np.testing.assert_allclose(na.gelu_tanh(2.0), 1 + math.tanh(u), rtol=4 * EPS)


def test_normal_cdf_agrees_with_erfc_in_the_far_tail() -> None:
    x = np.linspace(-37.0, 8.0, 1801)
    expected = np.array([math.erfc(-number / math.sqrt(2)) / 2 for number in x])
    # erfc's own argument is rounded, which moves it by x² units
    np.testing.assert_array_less(abs(normal_cdf(x) / expected - 1), (4 + 2 * x * x) * EPS)
    np.testing.assert_allclose(normal_cdf(x) + normal_cdf(-x), 1, rtol=2 * EPS)


def test_complex_arguments_far_from_the_axis() -> None:
    """Φ' = φ there too: a five-point difference along a slanted line."""
    z, step = np.array([0.3 + 0.7j, -2.0 - 1.1j, 1.5 + 2.0j]), 1e-3 * np.exp(0.4j)
    near, far = (normal_cdf(z + n * step) - normal_cdf(z - n * step) for n in (1, 2))
    np.testing.assert_allclose((8 * near - far) / (12 * step), normal_density(z), rtol=1e-10)
    np.testing.assert_array_equal(normal_cdf(z.conj()), normal_cdf(z).conj())


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "softplus"])
def test_far_out_nothing_overflows_and_nan_stays(name: str) -> None:
    plain, forward, backward = (getattr(na, name + end) for end in ("", "_forward", "_backward"))
    x = np.array([-np.inf, -1e300, -1e4, 1e4, 1e300, np.inf])
    with np.errstate(all="raise"):
        out, saved = forward(x)
        d_x = backward(np.ones(6), saved)
    np.testing.assert_array_equal(out, [0, 0, 0, 1e4, 1e300, np.inf])
    np.testing.assert_array_equal(d_x, [0, 0, 0, 1, 1, 1])
    assert np.isnan(plain(np.nan))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_low_precision_is_the_rounded_float64(dtype: str) -> None:
    x = np.linspace(-6, 6, 241).astype(dtype)
    np.testing.assert_array_equal(na.gelu(x), na.gelu(x.astype(float)).astype(dtype))
    assert na.gelu_tanh(x).dtype == dtype


def test_the_two_forms_are_near_each_other() -> None:
    x = np.linspace(-10, 10, 2001)
    assert 1e-4 < abs(na.gelu(x) - na.gelu_tanh(x)).max() < 5e-4
