"""Every fault of attention changes the results of each small problem where it is active."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from numpy_attention.check.faults import FAULTS
from numpy_attention.check.faults.small_problems import PROBLEMS
from tests.support.fault_problems import CASES
from tests.support.formula import formula
from tests.support.judges import assert_within
from tests.support.strategies import problems

IN_ATTENTION = [fault for fault in FAULTS if fault.steps is not None]


@cache
def expected(name):
    """Every number of a problem by the formula, and its error bound."""
    return formula(CASES[name], textbook=True)


@pytest.mark.parametrize("name", CASES)
def test_the_right_steps_agree_with_the_formula(name):
    assert_within(CASES[name].run(), *expected(name))


@pytest.mark.parametrize("fault", IN_ATTENTION, ids=[fault.name for fault in IN_ATTENTION])
def test_a_fault_shows_wherever_it_is_active(fault):
    active = [name for name, problem in PROBLEMS.items() if fault.active(problem)]
    assert active
    for name in active:
        with pytest.raises(AssertionError):
            assert_within(CASES[name].but(steps=fault.steps).run(), *expected(name))


@pytest.mark.slow
@settings(max_examples=20)
@given(problems())
def test_faults_run_on_any_problem(case):
    right = case.run()
    with np.errstate(all="ignore"):
        for fault in IN_ATTENTION:
            assert fault.active(case) in (True, False)
            wrong = case.but(steps=fault.steps).run()
            assert list(map(np.shape, wrong)) == list(map(np.shape, right)), fault.name
