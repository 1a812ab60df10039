"""Every fault of attention shows in the numbers wherever it says that it can, and the right steps nowhere."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from numpy_attention.check.faults import FAULTS
from numpy_attention.check.faults.small_problems import axis_lengths
from tests.support.fault_problems import CALLS, CASES
from tests.support.formula import formula
from tests.support.judges import assert_within
from tests.support.strategies import problems

IN_ATTENTION = [fault for fault in FAULTS if fault.steps is not None]


@cache
def expected(name):
    """Every number of a problem by the formula, and how far off it may be."""
    return formula(CASES[name], textbook=True)


@pytest.mark.parametrize("name", CASES)
def test_the_right_steps_pass(name):
    assert_within(CASES[name].run(), *expected(name))


@pytest.mark.parametrize("fault", IN_ATTENTION, ids=[fault.name for fault in IN_ATTENTION])
def test_a_fault_shows_wherever_it_says_that_it_can(fault):
    active = [name for name, call in CALLS.items() if fault.active(call)]
    assert active
    for name in active:
        with pytest.raises(AssertionError):
            assert_within(CASES[name].but(steps=fault.steps).run(), *expected(name))


@settings(max_examples=20)
@given(problems())
def test_faults_can_be_asked_and_run_whatever_the_problem(case):
    call = case.options | {"d_lse": case.d_lse, "shape": axis_lengths(case.query, case.key, case.value)}
    right = case.run()
    with np.errstate(all="ignore"):
        for fault in IN_ATTENTION:
            assert fault.active(call) in (True, False)
            wrong = case.but(steps=fault.steps).run()
            assert list(map(np.shape, wrong)) == list(map(np.shape, right)), fault.name
