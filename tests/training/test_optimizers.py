"""Optimizers and schedules by name."""

import numpy as np
import pytest

from numpy_attention.training.optimizers import OPTIMIZERS, lr_at
from numpy_attention.training.settings import OPTIMIZER_NAMES, Settings


def test_schedules_rise_and_fall():
    def curve(schedule):
        return [lr_at(Settings(lr=0.5, schedule=schedule), step, 100) for step in range(1, 101)]

    assert set(curve("constant")) == {0.5}
    for name in ("warmup", "cosine", "inverse-square-root"):
        assert curve(name)[:10] == pytest.approx(np.arange(1, 11) * 0.05)
    assert set(curve("warmup")[9:]) == {0.5}
    assert curve("inverse-square-root")[39] == pytest.approx(0.25)
    assert 0 < curve("cosine")[-1] < 1e-3


def test_each_name_of_the_settings_is_an_optimizer():
    assert tuple(OPTIMIZERS) == OPTIMIZER_NAMES


@pytest.mark.parametrize("name, second", [("sgd", 0.1), ("momentum", 0.1 * 1.9)])
def test_momentum_adds_the_last_step(name, second):
    params, grads = {"w": np.zeros(1)}, {"w": np.ones(1)}
    state = OPTIMIZERS[name].init(params)
    first, state = OPTIMIZERS[name].step(params, grads, state, lr=0.1)
    last, _ = OPTIMIZERS[name].step(first, grads, state, lr=0.1)
    assert first["w"] == pytest.approx(-0.1)
    assert last["w"] - first["w"] == pytest.approx(-second)
