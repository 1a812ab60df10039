"""Mistakes in layer norm and RMS norm, by hand: x = 3 + unit, unit = (-1, -1, 1, 1), eps 0."""

import numpy as np
import pytest

from numpy_attention.check.faults import fault

UNIT = np.array([[-1.0, -1, 1, 1]])
D_OUT = np.array([[1.0, 0, 0, 0]])


def called(name, x, weight=1.0, eps=0.0):
    """out, and the gradients of x, weight and bias (if there is one)."""
    forward, backward = fault(name).pair
    bias = [np.zeros(4)] if name.startswith("layer") else []
    out, saved = forward(x, np.full(4, weight), *bias, eps=eps)
    return out, backward(D_OUT[: len(x)] if len(x) == 1 else np.ones_like(x), saved)


@pytest.mark.parametrize(
    "name, x, d_x",
    [
        ("layer-norm-without-mean", UNIT, (0.75, -0.25, 0.25, 0.25)),  # (1/2, -1/2, 0, 0) if right
        ("layer-norm-without-variance", UNIT, (0.75, -0.25, -0.25, -0.25)),
        ("layer-norm-without-rate", UNIT, (0.5, -0.5, 0, 0)),
        ("layer-norm-without-rate", 2 * UNIT, (0.5, -0.5, 0, 0)),
        ("layer-norm-gamma-outside", UNIT, (0.5, -0.5, 0, 0)),
        ("rms-norm-without-square", UNIT, (1, 0, 0, 0)),  # (3/4, -1/4, 1/4, 1/4) if right
        ("rms-norm-gamma-outside", UNIT, (0.75, -0.25, 0.25, 0.25)),
    ],
)
def test_d_x_by_hand(name, x, d_x):
    np.testing.assert_allclose(called(name, x)[1].d_x[0], d_x, atol=1e-12)


@pytest.mark.parametrize(
    "name, x, eps, out",
    [
        ("layer-norm-ddof", UNIT, 0, UNIT * (3 / 4) ** 0.5),
        ("layer-norm-epsilon-outside", UNIT, 3, UNIT / 4),  # UNIT / 2 if right
        ("rms-norm-epsilon-outside", UNIT, 3, UNIT / 4),
        ("rms-norm-of-the-sum", UNIT, 0, UNIT / 2),
        ("rms-norm-centred", 3 + UNIT, 0, UNIT),
        ("rms-norm-centred", UNIT, 0, UNIT),  # the mean is 0
    ],
)
def test_output_by_hand(name, x, eps, out):
    np.testing.assert_allclose(called(name, x, eps=float(eps))[0], out)


@pytest.mark.parametrize("name", ["layer-norm-gamma-outside", "rms-norm-gamma-outside"])
def test_a_weight_of_one_hides_its_place(name):
    call = {"x": UNIT, "weight": np.ones(4)}
    assert not fault(name).active(call)
    assert fault(name).active(call | {"weight": np.array([1.0, 2, 1, 1])})


@pytest.mark.parametrize("name", ["layer-norm-epsilon-outside", "rms-norm-epsilon-outside"])
def test_without_epsilon_its_place_does_not_matter(name):
    assert not fault(name).active({"x": UNIT, "weight": np.ones(4), "eps": 0.0})


def test_weight_gradient_from_the_input_by_hand():
    assert called("layer-norm-weight-of-x", 3 + UNIT)[1].d_weight[0] == 2  # unit gives -1


def test_bias_gradient_of_the_first_row_by_hand():
    two = np.concatenate([UNIT, UNIT])
    np.testing.assert_array_equal(called("layer-norm-bias-not-summed", two)[1].d_bias, np.ones(4))
    assert not fault("layer-norm-bias-not-summed").active({"x": UNIT, "weight": np.ones(4)})
