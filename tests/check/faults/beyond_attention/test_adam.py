"""Mistakes in Adam and AdamW, by hand: one step from a fresh state."""

import pytest

from numpy_attention.check.faults import fault
from numpy_attention.optim.adam import adam_init, adam_step, adamw_step

STEP = {  # beta1 = 0.9, beta2 = 0.96: moments 0.1 and 0.04, the right step is lr
    "adam-without-correction": 0.1 / 0.2,
    "adam-first-moment-corrected-only": 1 / 0.2,  # 1 / √(1 - beta2) times too large
    "adam-second-moment-corrected-only": 0.1,
    "adam-corrections-swapped": 0.1 / 0.04 / (0.04 / 0.1) ** 0.5,
    "adam-step-off-by-one": (0.1 / 0.19) / (0.04 / 0.0784) ** 0.5,
    "adam-betas-swapped": 1,  # shows from the second step on
    "adam-step-never-counted": 1,
}


def moved(step, eps=0.0, grads=(1.0,)):
    """How far 0 moves with these gradients, lr = 1 and betas (0.9, 0.96)."""
    params, state = {"w": 0.0}, adam_init({"w": 0.0})
    for grad in grads:
        params, state = step(params, {"w": grad}, state, lr=1.0, betas=(0.9, 0.96), eps=eps)
    return -params["w"].item()


@pytest.mark.parametrize("name, step", STEP.items())
def test_first_step_by_hand(name, step):
    assert moved(fault(name).pair.forward) == pytest.approx(step)


@pytest.mark.parametrize("name", ["adam-betas-swapped", "adam-step-never-counted"])
def test_a_second_gradient_shows_it(name):
    grads = (1.0, -0.5)
    assert moved(fault(name).pair.forward, grads=grads) != pytest.approx(moved(adam_step, grads=grads))


@pytest.mark.parametrize(
    "name, step", [("adam-epsilon-inside", 0.5), ("adam-epsilon-before-correction", 0.2 / 3.2)]
)
def test_large_epsilon_by_hand(name, step):
    """1 / √(1 + 3), and √0.04 / 0.1 * 0.1 / (0.2 + 3), for 1 / (1 + 3)."""
    assert moved(adam_step, eps=3.0) == pytest.approx(0.25)
    assert moved(fault(name).pair.forward, eps=3.0) == pytest.approx(step)
    assert moved(fault(name).pair.forward) == pytest.approx(1)  # hidden by eps = 0


@pytest.mark.parametrize(
    "name, param",
    [
        ("adamw-decay-coupled", 2 - 0.5),  # Adam forgets the size of the gradient
        ("adamw-decay-without-lr", 2 * 0.9 - 0.5),
        ("adamw-decay-after-the-step", (2 - 0.5) * 0.95),
    ],
)
def test_one_step_of_adamw_by_hand(name, param):
    def after(step, weight_decay):
        start = {"w": 2.0}
        options = {"lr": 0.5, "eps": 0.0, "weight_decay": weight_decay}
        return step(start, {"w": 1.0}, adam_init(start), **options)[0]["w"].item()

    assert after(adamw_step, 0.1) == pytest.approx(2 * 0.95 - 0.5)
    assert after(fault(name).pair.forward, 0.1) == pytest.approx(param)
    assert after(fault(name).pair.forward, 0.0) == pytest.approx(1.5)
    assert not fault(name).active({"weight_decay": 0.0})
