"""Every number is within its bound of the formula; narrow dtypes round once."""

import numpy as np
import pytest
from hypothesis import given

from tests.support.formula import formula
from tests.support.judges import assert_same_bits, assert_within
from tests.support.strategies import for_all, problems


@for_all()
def test_every_number_is_that_of_the_formula(case):
    expected, bound = formula(case)
    assert_within(case.run(), expected, bound)


@for_all(without=("float64",))
def test_narrow_dtypes_are_computed_in_float64_and_rounded_once(case):
    """Within half a unit in the last place of the float64 result: the nearest number, to the bit."""
    narrow, double = case.run(), case.in_double().run()
    with np.errstate(over="ignore", under="ignore"):
        nearest = type(double)(
            *[
                None if x is None else np.asarray(x).astype(y.dtype)[()]
                for x, y in zip(double, narrow, strict=True)
            ]
        )
    assert_same_bits(narrow, nearest)


OPTIONS = (
    *("mask", "bias", "number scale", "array scale", "softcap", "sinks", "dropout", "multipliers"),
    *("d_weights", "d_lse"),
)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_alone_gives_the_numbers_of_the_formula(option):
    others = tuple(name for name in OPTIONS if name != option)

    @given(problems(without=others, having=(option,)))
    def compare(case):
        expected, bound = formula(case)
        assert_within(case.run(), expected, bound)

    compare()
