"""Adam and AdamW: first steps by hand, laws, the other placement of epsilon, and PyTorch."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.optim.adam import adam_init, adam_step, adamw_init, adamw_step
from numpy_attention.optim.in_place import adamw_update
from tests.support.optimizer_problems import OPTIMIZERS, U, bits, drawn, run

STEPS = 20
seeds = st.integers(0, 2**32)


def first_step(step, param, grad, **settings):
    """The parameter after a first step, and the state."""
    params, state = step({"w": param}, {"w": grad}, adam_init({"w": param}), **settings)
    return params["w"], state


class Apart:
    """How far two correct programs may be apart: what each rounds by u = 2^-53 at a time, step by step.

    first   ours rounds two products and a sum; first + (1 - β1)(grad - first), as torch has it, rounds a
            difference, a product and a sum: together at most 5u (|first| + (1 - β1)|grad|). What was there
            before fades by β1.
    second  is a sum of positive terms: 3u of itself a step on each side; its root has half of that.
    step    inherits both; five more roundings on each side.
    param   three on each side.
    """

    def __init__(self, lr, betas, eps=1e-8):
        self.lr, self.betas, self.eps = lr, betas, eps
        self.first = self.second = self.param = self.before = 0.0

    def after(self, grad, param, state):
        """Take one more step into account: its gradient, and what came out."""
        (beta1, beta2), t = self.betas, int(state["step"])
        first, second = state["first_moment"]["w"], state["second_moment"]["w"]
        self.first = beta1 * self.first + 5 * U * (np.abs(self.before) + (1 - beta1) * np.abs(grad))
        self.second = 6 * t * U * second
        self.before = first
        size = self.lr / (1 - beta1**t) / (np.sqrt(second / (1 - beta2**t)) + self.eps)
        self.param = self.param + size * (self.first + (3 * t + 10) * U * np.abs(first))
        self.param = self.param + 6 * U * np.abs(param)


# ---------------------------------------------------------------------------------------------- by hand


def test_two_steps_by_hand():
    """betas (1/2, 3/4), eps 1, lr 1: first 2 then 3, second 4 then 7; shares 1/2, 1/4, then 3/4, 7/16."""
    param, state = first_step(adam_step, np.array([10.0]), np.array([4.0]), lr=1, betas=(0.5, 0.75), eps=1)
    assert state["first_moment"]["w"] == 2
    assert state["second_moment"]["w"] == 4
    assert param == 10 - 4 / (4 + 1)
    params, state = adam_step({"w": param}, {"w": np.array([4.0])}, state, lr=1, betas=(0.5, 0.75), eps=1)
    assert state["first_moment"]["w"] == 3
    assert state["second_moment"]["w"] == 7
    assert params["w"] == param - 4 / (4 + 1)
    assert state["step"] == 2


@given(seeds, st.floats(-12, 12))
def test_the_first_step_is_lr_times_the_sign_up_to_eps(seed, decade):
    """lr g / (|g| + eps). Ten roundings: two in each moment, its division, the root, the sum, the rest."""
    grad = 10.0**decade * np.random.default_rng(seed).standard_normal(7)
    step, _ = first_step(adam_step, np.zeros(7), grad, lr=0.5)
    expected = -0.5 * grad / (np.abs(grad) + 1e-8)
    assert (np.abs(step - expected) <= 10 * U * np.abs(expected)).all()
    step, _ = first_step(adam_step, np.zeros(7), grad, lr=0.5, eps=0)
    assert (np.abs(step + 0.5 * np.sign(grad)) <= 10 * U).all()


def test_a_gradient_as_small_as_eps_makes_half_a_step():
    step, _ = first_step(adam_step, np.zeros(1), np.array([1e-8]), lr=1)
    assert abs(step + 0.5) <= 10 * U
    step, _ = first_step(adam_step, np.zeros(1), np.array([1e-8]), lr=1, eps_added="before_correction")
    assert abs(step + 1 / (1 + 1 / math.sqrt(1e-3))) <= 20 * U


@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_weight_decay_takes_its_share_and_leaves_the_moments_alone(seed, lr, weight_decay):
    param, grad = np.random.default_rng(seed).standard_normal((2, 7))
    plain, state = first_step(adam_step, param, grad, lr=lr)
    decayed, decayed_state = first_step(adamw_step, param, grad, lr=lr, weight_decay=weight_decay)
    allowed = 4 * U * (np.abs(param) + lr)
    assert (np.abs(plain - decayed - lr * weight_decay * param) <= allowed).all()
    assert bits(decayed_state) == bits(state)


def test_the_defaults_are_those_that_are_promised():
    param, grad = np.ones(3), np.array([1.0, -2.0, 1e-8])
    said = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, eps_added="after_correction")
    np.testing.assert_array_equal(
        first_step(adam_step, param, grad)[0], first_step(adam_step, param, grad, **said)[0]
    )
    np.testing.assert_array_equal(
        first_step(adamw_step, param, grad)[0],
        first_step(adamw_step, param, grad, **said, weight_decay=0.01)[0],
    )
    assert bits(adamw_init(drawn(0))) == bits(adam_init(drawn(0)))


# ------------------------------------------------------------------------------------------------ laws


@given(seeds, st.integers(-60, 60))
def test_at_eps_0_steps_do_not_depend_on_the_gradients_scale(seed, power):
    """To the bit for a power of two; for any factor up to what the products round."""
    rng = np.random.default_rng(seed)
    params = [{"w": np.zeros(7)} for _ in range(3)]
    states = [adam_init(each) for each in params]
    factor = rng.uniform(1, 2)
    apart = Apart(lr=0.1, betas=(0.9, 0.999), eps=0)
    for grad in rng.standard_normal((STEPS, 7)):
        for i, scale in enumerate((1.0, 2.0**power, factor)):
            params[i], states[i] = adam_step(params[i], {"w": scale * grad}, states[i], eps=0, lr=0.1)
        apart.after(grad, params[0]["w"], states[0])
        np.testing.assert_array_equal(params[1]["w"], params[0]["w"])
        assert (np.abs(params[2]["w"] - params[0]["w"]) <= apart.param).all()


@given(seeds)
def test_the_sign_of_the_gradients_is_the_sign_of_the_step(seed):
    grad = np.random.default_rng(seed).standard_normal(7)
    there, _ = first_step(adam_step, np.zeros(7), grad)
    back, _ = first_step(adam_step, np.zeros(7), -grad)
    np.testing.assert_array_equal(there, -back)


@pytest.mark.parametrize("eps_added", ["after_correction", "before_correction"])
def test_a_constant_gradient_moves_by_the_same_at_every_step(eps_added):
    """Then both corrected moments are exact: g and g². That is what the correction is for."""
    params, state = {"w": np.zeros(2)}, adam_init({"w": np.zeros(2)})
    grads, allowed = {"w": np.array([3.0, -1e-3])}, 0.0
    for t in range(1, STEPS + 1):
        params, state = adam_step(params, grads, state, lr=0.125, eps=0, eps_added=eps_added)
        # 3 roundings a step in each moment, half of the second's; β^t is rounded before it is taken from 1
        cancelled = 0.9**t / (1 - 0.9**t) + 0.999**t / (1 - 0.999**t) / 2
        allowed += 0.125 * (4.5 * t + cancelled + 10) * U + 0.125 * t * U
        assert (np.abs(params["w"] + 0.125 * t * np.sign(grads["w"])) <= allowed).all()


def test_at_eps_0_no_gradient_is_no_step():
    step, state = first_step(adam_step, np.ones(2), np.array([0.0, 2.0]), eps=0, lr=1)
    assert step[0] == 1
    assert abs(step[1]) <= 10 * U
    params, _ = adam_step({"w": step}, {"w": np.zeros(2)}, state, eps=0, lr=1)
    assert params["w"][0] == 1
    assert params["w"][1] < 0  # what came before still moves it


@pytest.mark.parametrize("betas", [(0, 0), (0, 0.999), (0.9, 0)])
def test_a_moment_may_forget_at_once(betas):
    params, state = {"w": np.zeros(1)}, adam_init({"w": np.zeros(1)})
    for grad in (1.0, -3.0):
        params, state = adam_step(params, {"w": np.array([grad])}, state, betas=betas)
    if betas[0] == 0:
        assert state["first_moment"]["w"] == -3
    if betas[1] == 0:
        assert state["second_moment"]["w"] == 9


def test_adam_is_adamw_without_decay_and_an_infinite_parameter_stays():
    for name in ("adam", "epsilon hat"):
        eps_added = "before_correction" if name == "epsilon hat" else "after_correction"
        params, state = run(OPTIMIZERS[name], drawn(0), range(1, 4))
        again, same = drawn(0), adamw_init(drawn(0))
        for step in range(1, 4):
            again, same = adamw_step(again, drawn(step), same, lr=0.1, weight_decay=0, eps_added=eps_added)
        assert bits(again) == bits(params)
        assert bits(same) == bits(state)
    assert first_step(adam_step, np.array([np.inf]), np.ones(1))[0] == np.inf


# ------------------------------------------------------------------------------- the other placement


@given(seeds, st.sampled_from([1.0, 1e-8, 1e4]))
def test_epsilon_before_the_correction_is_what_onnx_and_tensorflow_write(seed, scale):
    """lr √(1 - β2^t) / (1 - β1^t) first / (√second + eps), number by number."""
    rng = np.random.default_rng(seed)
    grads = scale * rng.standard_normal((STEPS, 3))
    params, state = {"w": np.zeros(3)}, adam_init({"w": np.zeros(3)})
    for grad in grads:
        params, state = adam_step(params, {"w": grad}, state, lr=0.1, eps_added="before_correction")

    for i in range(3):
        x = v = h = allowed = 0.0
        for t, g in enumerate(grads[:, i].tolist(), start=1):
            v = 0.9 * v + (1 - 0.9) * g
            h = 0.999 * h + (1 - 0.999) * (g * g)
            rate = 0.1 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            step = rate * v / (math.sqrt(h) + 1e-8)
            x = x - step
            # v alike on both sides; 2 x 3 t roundings in h, halved by the root, and 12 in the rest
            allowed += (3 * t + 12) * U * abs(step) + 2 * U * abs(x)
        assert abs(params["w"][i] - x) <= allowed


def test_the_two_placements_differ_by_the_share_that_eps_is_divided_by():
    """√(second / share) + eps = (√second + eps √share) / √share."""
    params = drawn(0, scale=0)
    states = [adam_init(params)] * 2
    for step in range(1, STEPS + 1):
        share = math.sqrt(1 - 0.999**step)
        grads = drawn(step, scale=1e-3)
        after, states[0] = adam_step(params, grads, states[0], lr=1, eps=1e-4)
        before, states[1] = adam_step(
            params, grads, states[1], lr=1, eps=1e-4 * share, eps_added="before_correction"
        )
        np.testing.assert_allclose(
            after["encoder"]["weight"], before["encoder"]["weight"], rtol=4 * U, atol=0
        )


# ----------------------------------------------------------------------------------------------- torch


def test_a_dict_of_weight_decays_holds_one_for_each_parameter():
    params, grads = drawn(0), drawn(1)
    rates = {
        "encoder": {"weight": 0.5, "bias": 0, "activation": {}},
        "empty": 1.0,
        "temperature": np.float32(2),
    }
    stepped, state = adamw_step(params, grads, adamw_init(params), lr=0.1, weight_decay=rates)
    alone = {
        rate: adamw_step(params, grads, adamw_init(params), lr=0.1, weight_decay=rate) for rate in (0.5, 0, 2)
    }
    np.testing.assert_array_equal(stepped["encoder"]["weight"], alone[0.5][0]["encoder"]["weight"])
    np.testing.assert_array_equal(stepped["encoder"]["bias"], alone[0][0]["encoder"]["bias"])
    np.testing.assert_array_equal(stepped["temperature"], alone[2][0]["temperature"])
    assert bits(state) == bits(alone[0][1])
    adamw_update(params, grads, fresh := adamw_init(params), lr=0.1, weight_decay=rates)
    assert bits({"params": params, "state": fresh}) == bits({"params": stepped, "state": state})


@pytest.mark.parametrize("step", [adamw_step, adamw_update])
@pytest.mark.parametrize(
    "rates, error, text",
    [
        ({"a": 0.1}, ValueError, "weight_decay['b']['c'] is missing"),
        ({"a": 0.1, "b": 0.1}, ValueError, "weight_decay['b']['c'] is missing"),
        (
            {"a": 0.1, "b": {"c": 0, "d": 0}},
            ValueError,
            "weight_decay['b']['d'] is unknown; ",
        ),
        ({"a": 0.1, "b": {"c": -1}}, ValueError, "weight_decay['b']['c'] is -1; a number >= 0"),
        (
            {"a": 0.1, "b": {"c": np.ones(2)}},
            TypeError,
            "weight_decay['b']['c'] is an array (2,); one real",
        ),
        ({"a": 0.1, "b": {"c": None}}, TypeError, "weight_decay['b']['c'] is NoneType"),
        ([0.1, 0.1], TypeError, "weight_decay is [0.1, 0.1]; one real number"),
    ],
)
def test_weight_decays_that_do_not_fit_are_refused(step, rates, error, text):
    params = {"a": np.ones(2), "b": {"c": np.ones(2)}}
    with pytest.raises(error, match=re.escape(text)):
        step(params, params, adamw_init(params), weight_decay=rates)


@pytest.mark.parametrize("name, weight_decay", [("Adam", 0.0), ("AdamW", 0.0), ("AdamW", 0.1)])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.75), (0.0, 0.9)])
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e4])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_torch(peer, name, weight_decay, betas, scale, start):
    torch = peer("torch")
    rng = np.random.default_rng(0)
    lr = 0.1
    params = {"w": start * rng.standard_normal((5, 3))}
    grads = scale * rng.standard_normal((STEPS, 5, 3))
    theirs = torch.tensor(params["w"], requires_grad=True)
    kwargs = {"weight_decay": weight_decay} if name == "AdamW" else {}
    optimizer = getattr(torch.optim, name)([theirs], lr=lr, betas=betas, **kwargs)
    step = adamw_step if name == "AdamW" else adam_step
    state = adam_init(params)

    apart = Apart(lr, betas)
    for grad in grads:
        params, state = step(params, {"w": grad}, state, lr=lr, betas=betas, **kwargs)
        theirs.grad = torch.tensor(grad)
        optimizer.step()

        apart.after(grad, params["w"], state)
        kept = optimizer.state[theirs]
        first, second = kept["exp_avg"].numpy(), kept["exp_avg_sq"].numpy()
        assert (np.abs(state["first_moment"]["w"] - first) <= apart.first).all()
        assert (np.abs(state["second_moment"]["w"] - second) <= apart.second).all()
        assert (np.abs(params["w"] - theirs.detach().numpy()) <= apart.param).all()
