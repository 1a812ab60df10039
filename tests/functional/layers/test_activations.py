"""tanh, sigmoid, relu and leaky_relu."""

import math

import numpy as np
import pytest

from numpy_attention.functional.layers.activations import (
    leaky_relu,
    leaky_relu_backward,
    leaky_relu_forward,
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
from tests.support.judges import close

PAIRS = {
    "tanh": (tanh_forward, tanh_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "relu": (relu_forward, relu_backward),
    "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
}
ENDS = [-np.inf, -1e4, -745.0, -40.0, -20.0, -1.0, -1e-8, 0.0, 1e-300, 1.0, 20.0, 36.0, 709.0, 1e4, np.inf]


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
