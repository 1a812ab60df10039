"""What the cases of attention's steps hold."""

import numpy as np

from numpy_attention.check.outside.cases import draw_cases
from numpy_attention.check.outside.expected import call_for, expected_of
from numpy_attention.check.outside.judging import rule_named
from numpy_attention.check.outside.step_cases import leading_axes, one_group
from numpy_attention.check.rounding.formats import FORMATS, roundoff

FLOAT32 = FORMATS["float32"]


def test_heads_may_be_grouped_or_missing():
    assert leading_axes((2, 4, 2)) == ((2, 4), (2, 2))
    assert leading_axes((2, 3)) == ((2, 3), (2, 3))
    assert leading_axes(()) == ((), ())
    assert one_group((2, 4, 2, 5), 3, np.zeros((2, 4, 2, 5))).shape == (2, 4, 5)


def test_every_row_of_attend_sees_a_key():
    for case in draw_cases("attend", FLOAT32):
        masked = case.arguments["scores"]
        for name, hide in (("bias", lambda x: x), ("mask", lambda x: np.where(x, 0, -np.inf))):
            masked = masked + (0 if case.arguments.get(name) is None else hide(case.arguments[name]))
        assert (masked > -np.inf).any(axis=-1).all(), case.name


def test_few_rows_are_at_a_kink_of_sparsemax():
    rows = kinks = 0
    for case in draw_cases("sparsemax", FLOAT32):
        call = call_for(rule_named("sparsemax"), case.arguments, FLOAT32, 0)
        allowed = expected_of(rule_named("sparsemax"), call, roundoff("float32")).allowed("d_masked")
        rows += allowed[..., 0].size
        kinks += np.isinf(allowed).any(axis=-1).sum()
    assert rows > 75
    assert kinks <= rows / 25
