"""Every fault of attention shows in the numbers wherever it says that it can, and the right steps nowhere."""

from functools import cache

import pytest

from numpy_attention.check.faults import FAULTS

from ...formula import formula
from ...judges import assert_within
from .problems import PROBLEMS, told

IN_ATTENTION = [fault for fault in FAULTS if fault.steps is not None]


@cache
def expected(name):
    """Every number of a problem by the formula, and how far off it may be."""
    return formula(PROBLEMS[name], textbook=True)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_right_steps_pass(name):
    assert_within(PROBLEMS[name].run(), *expected(name))


@pytest.mark.parametrize("fault", IN_ATTENTION, ids=[fault.name for fault in IN_ATTENTION])
def test_a_fault_shows_wherever_it_says_that_it_can(fault):
    active = [name for name, problem in PROBLEMS.items() if fault.active(told(problem))]
    assert active
    for name in active:
        with pytest.raises(AssertionError):
            assert_within(PROBLEMS[name].but(steps=fault.steps).run(), *expected(name))
