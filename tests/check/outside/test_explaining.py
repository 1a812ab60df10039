"""Planted mistakes FAIL, and are named where a planted fault or a factor gives their numbers."""

import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.outside.judging import JUDGED

PLANTED = [fault for fault in FAULTS if fault.rule in JUDGED]


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name)
def test_every_planted_fault_fails_and_is_named(fault):
    candidate = fault.pair.forward if fault.pair.backward is None else tuple(fault.pair)
    report = na.check_rule(candidate, fault.rule)
    assert report.outcome == "FAIL"
    assert report.diagnosis.startswith(fault.name + ":"), report.diagnosis
