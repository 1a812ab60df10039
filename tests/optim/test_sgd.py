"""Gradient descent with momentum: by hand, in closed form, and beside PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.optim.sgd import sgd_init, sgd_step
from tests.support.optimizer_problems import U

STEPS = 20


def test_two_steps_by_hand():
    params = {"w": np.array([1.0, 2.0])}
    state = sgd_init(params)
    params, state = sgd_step(params, {"w": np.array([8.0, -4.0])}, state, lr=0.5, momentum=0.25)
    np.testing.assert_array_equal(params["w"], [-3, 4])
    np.testing.assert_array_equal(state["velocity"]["w"], [8, -4])  # the first velocity is the gradient
    params, state = sgd_step(params, {"w": np.array([2.0, 0.0])}, state, lr=0.5, momentum=0.25)
    np.testing.assert_array_equal(params["w"], [-5, 4.5])
    np.testing.assert_array_equal(state["velocity"]["w"], [4, -1])
    assert state["step"] == 2


@given(st.integers(0, 2**32), st.floats(0, 10))
def test_without_momentum_a_step_is_lr_times_the_gradient(seed, lr):
    rng = np.random.default_rng(seed)
    param, grad = rng.standard_normal((2, 7))
    params, state = sgd_step({"w": param}, {"w": grad}, sgd_init({"w": param}), lr=lr)
    np.testing.assert_array_equal(params["w"], param - lr * grad)
    np.testing.assert_array_equal(state["velocity"]["w"], np.zeros(7))


def test_a_velocity_that_is_not_finite_does_not_reach_a_step_without_momentum():
    params, state = {"w": np.ones(1)}, {"step": 3, "velocity": {"w": np.array([np.inf])}}
    params, state = sgd_step(params, {"w": np.ones(1)}, state, lr=0.5)
    assert params["w"] == 0.5
    assert state["velocity"]["w"] == np.inf


def test_a_constant_gradient_gives_the_geometric_sum():
    """velocity_t = g (1 - μ^t) / (1 - μ); with g = 1 and μ = 1/2 every number is exact in float64."""
    params = {"w": np.zeros(1)}
    state = sgd_init(params)
    for step in range(1, STEPS + 1):
        params, state = sgd_step(params, {"w": np.ones(1)}, state, lr=1.0, momentum=0.5)
        assert state["velocity"]["w"] == 2 * (1 - 0.5**step)
    assert params["w"] == -2 * (STEPS - (1 - 0.5**STEPS))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e4])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_torch(peer, momentum, scale, start):
    """Each side rounds a velocity twice and a parameter twice a step; a velocity's errors fade as it does."""
    torch = peer("torch")
    rng = np.random.default_rng(0)
    params = {"w": start * rng.standard_normal((5, 3))}
    grads = scale * rng.standard_normal((STEPS, 5, 3))
    theirs = torch.tensor(params["w"], requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=momentum)
    state = sgd_init(params)

    largest = np.abs(grads).max(axis=0)
    velocity_allowed = 2 * (2 * U * largest / (1 - momentum)) / (1 - momentum)
    allowed = np.zeros((5, 3))
    for grad in grads:
        params, state = sgd_step(params, {"w": grad}, state, lr=0.1, momentum=momentum)
        theirs.grad = torch.tensor(grad)
        optimizer.step()
        velocity = state["velocity"]["w"] if momentum else grad
        allowed += 2 * U * np.abs(params["w"]) + 0.1 * (2 * U * np.abs(velocity) + velocity_allowed)
        assert (np.abs(params["w"] - theirs.detach().numpy()) <= allowed).all()
    if momentum:
        buffer = optimizer.state[theirs]["momentum_buffer"].numpy()
        assert (np.abs(state["velocity"]["w"] - buffer) <= velocity_allowed).all()


def test_torch_when_momentum_comes_later(peer):
    """A velocity begins with the first step that has momentum; 1 and 1/2 and 1/4 are exact."""
    torch = peer("torch")
    params, theirs = {"w": np.ones(3)}, torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.5)
    state = sgd_init(params)
    for momentum in (0.0, 0.0, 0.5, 0.5, 0.0, 0.25):
        params, state = sgd_step(params, {"w": params["w"]}, state, lr=0.5, momentum=momentum)
        optimizer.param_groups[0]["momentum"] = momentum
        theirs.grad = theirs.detach().clone()
        optimizer.step()
        np.testing.assert_array_equal(params["w"], theirs.detach().numpy())
