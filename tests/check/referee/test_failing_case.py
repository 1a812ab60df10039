"""The simplest failing case is chosen, described, and drawn again by the lines that are printed."""

import numpy as np
import pytest

from numpy_attention.check.cases.compare import Verdict
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Shape, Specification
from numpy_attention.check.referee.failing_case import FailingCase, simplest_failure
from numpy_attention.check.referee.judging import CaseJudgement
from numpy_attention.check.referee.large_shapes import draw_large
from tests.support.candidates import plain_case

WRONG = Verdict("small", "out", "FAIL", 9.0, place=(0, 0, 1, 2), got=2.0, right=1.0, bound=1e-6)
MANY = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")
SPECIFICATIONS = (
    Specification("plain", Shape(2, 4, 2, 5, 7, 4, 3)),
    Specification(
        "a long name, with a comma", Shape(2, 4, 2, 5, 7, 4, 3), MANY, (("scale", "negative"),), "peaked",
        "small", "value", dtype="bfloat16", corner="bottom_right", empty_rows=True,
        layouts=(("query", "sliced"),), seed=3,
    ),
)  # fmt: skip


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("spec", SPECIFICATIONS, ids=["plain", "rich"])
def test_the_printed_lines_draw_the_case_again(spec, large):
    lines = FailingCase(spec, (WRONG,), large).lines
    assert max(map(len, lines)) <= 96
    names = {}
    exec("\n".join(lines), names)
    drawn, again = (draw_large(spec).case if large else draw_case(spec)), names["case"]
    assert again.specification == spec
    assert set(again.arrays) == set(drawn.arrays)
    for name, x in drawn.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], x)


def test_a_plain_case_takes_three_lines():
    assert len(FailingCase(SPECIFICATIONS[0], ()).lines) == 3


def test_fewer_options_are_simpler_than_fewer_numbers():
    failing = CaseJudgement({}, (WRONG,))
    raising = CaseJudgement({}, problems=("raises ValueError",))
    right = CaseJudgement({}, (WRONG._replace(verdict="PASS"),))
    bias, none = plain_case(options=("bias",)), plain_case()
    found = simplest_failure([(bias, failing), (none, failing)])
    assert found.specification == none.case.specification
    assert found.verdicts == (WRONG,)
    assert simplest_failure([(bias, raising), (none, right)]).specification.options == ("bias",)
    assert simplest_failure([(none, right)]) is None


def test_the_description_names_shape_options_and_what_is_special():
    assert FailingCase(SPECIFICATIONS[0], ()).description == (
        "plain (B 2, H 4, G 2, L 5, S 7, D 4, E 3; no options)"
    )
    text = FailingCase(SPECIFICATIONS[1], ()).description
    assert "with causal, window, mask" in text
    assert "inputs peaked; cotangent small; zeros value; corner bottom-right" in text
    assert "layouts query sliced" in text
