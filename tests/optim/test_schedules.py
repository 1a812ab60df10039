"""Schedules in closed form. Steps count from 1."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.optim.schedules import (
    constant_lr,
    cosine_lr,
    inverse_square_root_lr,
    vaswani_lr,
    warmup_lr,
)
from tests.support.optimizer_problems import U

SCHEDULES = {
    "constant": (constant_lr, {}),
    "warmup": (warmup_lr, {"warmup": 7}),
    "cosine": (cosine_lr, {"warmup": 7, "total": 31}),
    "inverse square root": (inverse_square_root_lr, {"warmup": 7}),
}
every_schedule = pytest.mark.parametrize("schedule, settings", SCHEDULES.values(), ids=SCHEDULES)
steps = st.integers(1, 10**6)
rates = st.floats(0, 1e3)


@given(steps, rates)
def test_constant(step, lr):
    assert constant_lr(step, lr=lr) == lr


@given(steps, st.integers(0, 10**6), rates)
def test_a_warmup_is_a_straight_line_and_then_level(step, warmup, lr):
    expected = lr if step >= warmup else lr * (step / warmup)
    assert warmup_lr(step, warmup=warmup, lr=lr) == expected


@given(steps, st.integers(0, 10**5), st.integers(1, 10**6), rates, rates)
def test_cosine(step, warmup, length, lr, final):
    """The same curve as cos²(π/2 progress), where it is not level."""
    here = cosine_lr(step, warmup=warmup, total=warmup + length, lr=lr, final=final)
    if step <= warmup:
        assert here == lr * (step / warmup)
    elif step >= warmup + length:
        assert here == final
    else:
        share = math.cos(math.pi / 2 * (step - warmup) / length) ** 2
        assert abs(here - (share * lr + (1 - share) * final)) <= 16 * U * max(lr, final)


def test_the_points_of_the_cosine_that_are_known():
    def cosine(step):
        return cosine_lr(step, warmup=4, total=16, lr=8.0, final=2.0)

    assert [cosine(step) for step in (1, 2, 3, 4)] == [2, 4, 6, 8]
    assert cosine(4 + 4) == pytest.approx(2 + 6 * 0.75, rel=4 * U)  # cos 60° = 1/2
    assert cosine(4 + 6) == pytest.approx(5, rel=4 * U)
    assert cosine(4 + 8) == pytest.approx(2 + 6 * 0.25, rel=4 * U)
    assert cosine(16) == cosine(17) == cosine(10**9) == 2


@given(steps, st.integers(1, 10**6), rates)
def test_inverse_square_root(step, warmup, lr):
    here = inverse_square_root_lr(step, warmup=warmup, lr=lr)
    if step <= warmup:
        assert here == lr * (step / warmup)
    else:
        assert here == lr * math.sqrt(warmup / step)
    assert inverse_square_root_lr(warmup, warmup=warmup, lr=lr) == lr


@given(steps, st.integers(1, 10**5), st.integers(1, 10**5))
def test_the_transformers_own_as_its_equation_3_is_written(step, width, warmup):
    expected = width**-0.5 * min(step**-0.5, step * warmup**-1.5)
    assert vaswani_lr(step, width=width, warmup=warmup) == pytest.approx(expected, rel=16 * U)


def test_the_transformers_own_defaults_to_4000_steps_of_warmup():
    assert vaswani_lr(4000, width=512) == pytest.approx(1 / math.sqrt(512 * 4000), rel=4 * U)
    assert vaswani_lr(3999, width=512) < vaswani_lr(4000, width=512) > vaswani_lr(4001, width=512)


@every_schedule
def test_a_schedule_without_lr_is_a_factor_and_python_floats_come_out(schedule, settings):
    for step in (1, 2, 7, 8, 30, 31, 32, np.array(5), np.int64(5)):
        factor = schedule(step, **settings)
        assert type(factor) is float
        assert 0 <= factor <= 1
        assert schedule(step, **settings, lr=0.25) == 0.25 * factor


@every_schedule
@pytest.mark.parametrize(
    "step, error", [(0, ValueError), (-1, ValueError), (1.0, TypeError), (None, TypeError)]
)
def test_steps_count_from_1(schedule, settings, step, error):
    with pytest.raises(error, match=r"^step "):
        schedule(step, **settings)
    with pytest.raises(error, match=r"^step "):
        vaswani_lr(step, width=512)


@every_schedule
@pytest.mark.parametrize(
    "name, value", [("lr", -1.0), ("lr", np.nan), ("lr", np.inf), ("warmup", -1), ("total", 0)]
)
def test_settings_out_of_range_are_refused(schedule, settings, name, value):
    if name in ("lr", *settings):
        with pytest.raises(ValueError, match=rf"^{name} "):
            schedule(3, **{**settings, name: value})


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match=r"^total is 7; more than warmup, 7, is expected"):
        cosine_lr(1, total=7, warmup=7)
    with pytest.raises(ValueError, match=r"^final is -1"):
        cosine_lr(1, total=7, final=-1)
    with pytest.raises(ValueError, match=r"^warmup holds 0"):
        inverse_square_root_lr(1, warmup=0)
    with pytest.raises(ValueError, match=r"^width holds 0"):
        vaswani_lr(1, width=0)
