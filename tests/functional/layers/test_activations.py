"""tanh, sigmoid, relu and leaky_relu."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from numpy_attention.functional.base.stable import log1p, sech_squared
from numpy_attention.functional.layers import activations
from numpy_attention.functional.layers.activations import (
    leaky_relu,
    leaky_relu_backward,
    leaky_relu_forward,
    logistic,
    relu,
    relu_backward,
    relu_forward,
    sigmoid,
    sigmoid_backward,
    sigmoid_forward,
    tanh,
    tanh_backward,
    tanh_forward,
)
from tests.support.complex_step import check_pair, close

PAIRS = {
    "tanh": (tanh_forward, tanh_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "relu": (relu_forward, relu_backward),
    "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
}
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")
ENDS = [-np.inf, -1e4, -745.0, -40.0, -20.0, -1.0, -1e-8, 0.0, 1e-300, 1.0, 20.0, 36.0, 709.0, 1e4, np.inf]


@pytest.fixture
def rng():
    return np.random.default_rng(19)


def slope(name, x):
    forward, backward = PAIRS[name]
    return backward(np.ones(np.shape(x)), forward(x)[1])


def test_by_hand():
    half = math.log(3) / 2
    assert close(tanh([0, half, -half]), [0, 0.5, -0.5], rtol=1e-15)
    assert close(slope("tanh", np.array([0, half])), [1, 0.75], rtol=1e-15)
    assert close(sigmoid([0, math.log(3), -math.log(3)]), [0.5, 0.75, 0.25], rtol=1e-15)
    assert close(slope("sigmoid", np.array([0, math.log(3)])), [1 / 4, 3 / 16], rtol=1e-15)
    assert relu([-2, 0, 3]).tolist() == [0, 0, 3]
    assert slope("relu", np.array([-2.0, 0.0, 3.0])).tolist() == [0, 0, 1]
    assert leaky_relu([-2, 0, 3]).tolist() == [-0.02, 0, 3]
    assert leaky_relu([-2, 0, 3], 0.5).tolist() == [-1, 0, 3]
    assert slope("leaky_relu", np.array([-2.0, 0.0, 3.0])).tolist() == [0.01, 0.01, 1]
    assert leaky_relu(-2.0, slope=-1).tolist() == 2


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5), (0,), (3, 0, 2)], ids=str)
@pytest.mark.parametrize("size", [1e-8, 1.0, 30.0])
def test_gradients(name, shape, size, rng):
    check_pair(*PAIRS[name], np.asarray(size * rng.standard_normal(shape)))


@pytest.mark.parametrize("slope", [0.01, 0, 1, 2.5, -0.5, np.float32(0.25)])
def test_gradients_of_leaky_relu(slope, rng):
    check_pair(*PAIRS["leaky_relu"], rng.standard_normal(7), data=(slope,))


@pytest.mark.parametrize("x", [x for x in ENDS if math.isfinite(x)])
def test_slopes_keep_their_digits(x):
    """Against many digits: 1 - tanh² and σ(1 - σ) have none left from 20 and 36 on."""
    with np.errstate(all="raise"):
        d_tanh, d_sigmoid = slope("tanh", np.float64(x)), slope("sigmoid", np.float64(x))
        value = sigmoid(np.float64(x))
    with localcontext() as context:
        context.prec = 40
        up, down = Decimal(x).exp(), Decimal(-x).exp()
        right_tanh, right_sigmoid = 4 / (up + down) ** 2, 1 / ((1 + up) * (1 + down))
        right_value = 1 / (1 + down)
    assert math.isclose(d_tanh, float(right_tanh), rel_tol=1e-15, abs_tol=1e-323)
    assert math.isclose(d_sigmoid, float(right_sigmoid), rel_tol=1e-15, abs_tol=1e-323)
    assert math.isclose(value, float(right_value), rel_tol=4e-16, abs_tol=1e-323)


@pytest.mark.parametrize("name", PAIRS)
def test_large_and_infinite_inputs(name):
    """Nothing overflows, for real input and for complex; a NaN stays one."""
    x = np.array(ENDS)
    with np.errstate(all="raise"):
        out, d = PAIRS[name][0](x)[0], slope(name, x)
        stepped = PAIRS[name][0](x[1:-1] + 1e-100j)[0]
        d_stepped = slope(name, x[1:-1] + 1e-100j)
    assert not np.isnan(out).any()
    assert np.isfinite(d).all()
    assert close(stepped.real, out[1:-1], rtol=1e-12)
    assert close(stepped.imag / 1e-100, d[1:-1], rtol=1e-12, atol=1e-200)
    assert close(d_stepped.real, d[1:-1], rtol=1e-12)
    assert np.isnan(PAIRS[name][0](np.array([np.nan]))[0]).all()
    assert {"tanh": [-1, 1], "sigmoid": [0, 1]}.get(name, [out[0], np.inf]) == out[[0, -1]].tolist()


def test_stable_helpers():
    x = np.array([-800.0, -3.0, 0.0, 3.0, 800.0])
    assert close(sech_squared(x), np.cosh(np.clip(x, -350, 350)) ** -2.0, rtol=2e-15, atol=1e-300)
    assert np.array_equal(sech_squared(x, np.tanh(x)), sech_squared(x))
    assert close(logistic(x) + logistic(-x), 1, rtol=1e-15)
    assert activations.decay(x).max() == 1


def test_saved_does_not_share_memory_with_the_output(rng):
    x, d_out = rng.standard_normal((2, 3, 5))
    out, saved = tanh_forward(x)
    before = tanh_backward(d_out, saved)
    assert np.array_equal(saved.out, out)
    out *= 2
    assert np.array_equal(tanh_backward(d_out, saved), before)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype, rng):
    x = rng.standard_normal(7).astype(dtype)
    forward, backward = PAIRS[name]
    out, saved = forward(x)
    assert out.dtype == dtype
    for kind in ("float16", "float64"):
        assert backward(np.ones(7, dtype=kind), saved).dtype == dtype
    assert close(out, forward(x.astype(complex))[0], rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", PAIRS)
def test_layouts(name, rng):
    x = rng.standard_normal((3, 5))
    forward, _ = PAIRS[name]
    for layout in (np.asfortranarray, lambda x: x[::-1].copy()[::-1], lambda x: x.astype(">f8")):
        assert np.array_equal(forward(layout(x))[0], forward(x)[0])


@pytest.mark.parametrize("plain", [tanh, sigmoid, relu, leaky_relu])
def test_errors(plain):
    with pytest.raises(TypeError, match=r"x is .* \(dtype <U1\); an array of numbers"):
        plain(["a"])
    with pytest.raises(TypeError, match="x has dtype bool; float16"):
        plain([True])
    with pytest.raises(TypeError, match="x cannot be read as an array"):
        plain([[1], [2, 3]])
    with pytest.raises(TypeError, match="x is a masked array"):
        plain(np.ma.masked_array([1.0, 2.0], [True, False]))


@pytest.mark.parametrize("name", PAIRS)
def test_errors_of_pairs(name):
    forward, backward = PAIRS[name]
    with pytest.raises(TypeError, match=r"x has dtype int64; .*write .astype\(float\)"):
        forward(np.arange(3))
    with pytest.raises(ValueError, match=r"d_out has shape \(2,\); that of the output, \(3,\)"):
        backward(np.ones(2), forward(np.ones(3))[1])
    with pytest.raises(TypeError, match="d_out has dtype int64"):
        backward(np.ones(3, int), forward(np.ones(3))[1])


@pytest.mark.parametrize(
    "slope, error, sentence",
    [
        (np.nan, ValueError, "slope is nan; a finite number"),
        (np.inf, ValueError, "slope is inf"),
        ([0.1], TypeError, r"slope is \[0.1\]; one real number"),
        (0.1j, TypeError, "slope is 0.1j; one real number"),
        (True, TypeError, "slope is True; one real number"),
        (None, TypeError, "slope is NoneType"),
    ],
)
def test_invalid_slopes(slope, error, sentence):
    with pytest.raises(error, match=sentence):
        leaky_relu(1.0, slope)


def test_log1p():
    x = np.array([0.0, 1e-20, 1e-8, 0.5, 3.0])
    wide = log1p(x + 1e-100j)
    assert close(wide.real, np.log1p(x), rtol=1e-15, atol=1e-190)
    assert close(wide.imag / 1e-100, 1 / (1 + x), rtol=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_against_torch(peer, name, rng):
    torch = peer("torch")
    theirs = dict(
        tanh=torch.tanh,
        sigmoid=torch.sigmoid,
        relu=torch.relu,
        leaky_relu=torch.nn.functional.leaky_relu,
    )[name]
    x = np.concatenate([3 * rng.standard_normal(11), [0.0, -0.0, 1e4, -1e4]])
    out, saved = PAIRS[name][0](x)
    d_out = rng.standard_normal(x.shape)
    tensor = torch.tensor(x, requires_grad=True)
    their_out = theirs(tensor)
    their_out.backward(torch.tensor(d_out))
    assert close(out, their_out.detach(), rtol=1e-14)
    assert close(PAIRS[name][1](d_out, saved), tensor.grad, rtol=1e-9, atol=1e-15)
