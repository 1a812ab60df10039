"""How exact: against the formula written out, and in every dtype as in float64."""

import numpy as np

from ..formula import formula
from ..judges import assert_same_bits, assert_within
from ..strategies import for_all


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
