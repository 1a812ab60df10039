"""Differences extrapolated to step 0 are accurate, and their estimated error covers the real one."""

import numpy as np
import pytest

from numpy_attention.check.pairs.differences import extrapolated

X = np.random.default_rng(0).uniform(0.5, 3.0, 40)

FUNCTIONS = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "steep": (lambda x: np.tanh(20 * (x - 1.5)), lambda x: 20 / np.cosh(20 * (x - 1.5)) ** 2),
    "large": (lambda x: 1e8 + np.sin(x), np.cos),
    "constant": (lambda x: 0 * x + 3.0, lambda x: 0 * x),
    "line": (lambda x: -7.5 * x, lambda x: 0 * x - 7.5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_its_estimate_and_small(name: str) -> None:
    function, derivative = FUNCTIONS[name]
    slope, error = extrapolated(lambda t: function(X + t * X))
    assert (np.abs(slope - derivative(X) * X) <= error).all()
    scale = 1e-3 if name == "large" else 1e-8
    assert (error <= scale * np.maximum(1.0, np.abs(derivative(X) * X))).all()


def test_a_step_out_of_the_domain_is_left_out() -> None:
    slope, error = extrapolated(lambda t: np.sqrt(1e-3 + t))
    assert slope == pytest.approx(0.5 / np.sqrt(1e-3), rel=1e-8)
    assert error < 1e-4
