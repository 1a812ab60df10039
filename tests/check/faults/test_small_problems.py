"""Every fault of attention changes the results of each small problem where it is active."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from numpy_attention.check.faults import FAULTS
from numpy_attention.check.faults.small_problems import PROBLEMS, axis_lengths
from tests.support.fault_problems import CALLS, CASES
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
    active = [name for name, call in CALLS.items() if fault.active(call)]
    assert active
    for name in active:
        with pytest.raises(AssertionError):
            assert_within(CASES[name].but(steps=fault.steps).run(), *expected(name))


@settings(max_examples=20)
@given(problems())
def test_faults_run_on_any_problem(case):
    call = case.options | {"d_lse": case.d_lse, "shape": axis_lengths(case.query, case.key, case.value)}
    right = case.run()
    with np.errstate(all="ignore"):
        for fault in IN_ATTENTION:
            assert fault.active(call) in (True, False)
            wrong = case.but(steps=fault.steps).run()
            assert list(map(np.shape, wrong)) == list(map(np.shape, right)), fault.name


def test_axis_lengths_multiply_the_batch():
    query, key, value = np.zeros((2, 3, 6, 5, 4)), np.zeros((3, 2, 7, 4)), np.zeros((2, 7, 9))
    assert axis_lengths(query, key, value) == (6, 6, 2, 5, 7, 4, 9)
    assert axis_lengths(query[0, 0, 0], key[0, 0], value[0]) == (1, 1, 1, 5, 7, 4, 9)


def test_names_are_unique_and_calls_hold_all_options():
    assert len(CASES) == len(PROBLEMS)
    assert CALLS["sinks, d_lse and dropout"].keys() == {"sinks", "dropout", "d_lse", "shape"}
