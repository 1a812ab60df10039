"""Mistakes in GELU: values and derivatives at 1, where Φ = 0.8413 and φ = 0.2420, and at 0."""

import numpy as np
import pytest

from numpy_attention.check.faults import FAULTS, fault

OUT_AND_SLOPE = {  # Φ and Φ + φ if right; 0.841192 and 1.082964 in the tanh form
    "gelu-tanh-for-exact": (0.841192, 1.082964),
    "gelu-without-density": (0.841345, 0.841345),
    "gelu-of-sigmoid": (1 / (1 + np.exp(-1.702)), 1.083315),
    "gelu-tanh-with-exact-derivative": (0.841192, 1.083315),
    "gelu-tanh-without-three": (0.841192, 1.082964 - 0.019064),
}


@pytest.mark.parametrize("name, out_and_slope", OUT_AND_SLOPE.items())
def test_value_and_derivative_at_one(name, out_and_slope):
    forward, backward = fault(name).pair
    out, saved = forward(np.array([1.0]))
    assert (out.item(), backward(np.ones(1), saved).item()) == pytest.approx(out_and_slope, abs=1e-6)


@pytest.mark.parametrize("name", [each.name for each in FAULTS if each.family == "gelu"])
def test_all_forms_agree_at_zero(name):
    forward, backward = fault(name).pair
    out, saved = forward(np.zeros(1))
    assert (out.item(), backward(np.ones(1), saved).item()) == (0, 0.5)
    assert not fault(name).active({"x": np.zeros(1)})
