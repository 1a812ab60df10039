"""Hypotheses about the whole call: planted faults and other conventions."""

import numpy as np
import pytest

from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.referee.diagnosis.wrong_calls import conventions, planted, with_other_backwards
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")
CASE = draw_case(Specification("rich", Shape(2, 4, 2, 5, 9, 3, 2), OPTIONS, dtype="float64"))
SHAPE = Shape(2, 2, 2, 5, 9, 3, 2)
CASES = {
    "q_offset": draw_case(Specification("o", SHAPE, ("causal", "q_offset"), dtype="float64")),
    "window": draw_case(Specification("w", SHAPE, ("window",), dtype="float64")),
    "BLHD": draw_case(Specification("plain", Shape(2, 3, 3, 3, 3, 5, 2), dtype="float64")),
}
PLAIN = CASES["BLHD"]


def test_faults_of_state_and_memory_are_no_hypotheses():
    names = {each.fault for each in planted(FAULTS)}
    assert {"plain-mean", "mask-inverted"} < names
    assert not {"stale-cache", "gradients-accumulated", "adam-no-bias-correction"} & names


def test_a_fault_is_told_with_its_name_and_hint():
    (tiled,) = planted([fault("heads-tiled")])
    assert tiled.statement.endswith("(heads-tiled; query head h reads key head h % G)")
    assert np.allclose(tiled.expectation(PLAIN).out, results(PLAIN).out)  # no groups
    assert tiled.expectation(CASE).out.shape == CASE.d_out.shape


def test_a_wrong_lse_is_tried_with_the_row_sums_of_other_kernels():
    found = with_other_backwards([fault("lse-in-wrong-base"), fault("no-row-sum"), fault("mask-strict")])
    assert {each.fault for each in found} == {"lse-in-wrong-base"}
    tried = [each.expectation(PLAIN) for each in found]
    assert len({x.d_query.tobytes() for x in tried}) == len({x.d_value.tobytes() for x in tried}) == 2


@pytest.mark.parametrize("each", conventions(), ids=lambda each: each.statement)
def test_a_convention_changes_the_results_where_it_matters(each):
    case = next((case for word, case in CASES.items() if word in each.statement), CASE)
    found, right = each.expectation(case), results(case)
    assert any(x is None or not np.allclose(x, y) for x, y in zip(found, right, strict=True) if y is not None)
    assert each.expectation(PLAIN if case is not PLAIN else CASE) is None
