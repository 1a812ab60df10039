"""Numbers from anywhere are judged against a case."""

import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.cases.cases import Case
from numpy_attention.check.cases.specification import OPTIONS
from tests.support.candidates import OURS


@pytest.mark.slow
def test_arrays_computed_elsewhere_are_compared():
    for case in na.cases(supports=OPTIONS, causal="bottom_right")[:3]:
        assert isinstance(case, Case)
        tensors = Candidate(OURS, checked_convention()).call(case, NumPy()).tensors
        arrays = {name: x.numbers for name, x in tensors.items()}
        assert na.compare(arrays, case).ok, case.name
        wrong = na.compare(arrays | {"d_value": 1.01 * arrays["d_value"]}, case)
        assert wrong.reason == "d_value is wrong in 1 of 1 case"


def test_a_verdict_on_one_case_names_what_it_does_not_cover():
    case = next(case for case in na.cases(supports=OPTIONS, causal="bottom_right") if len(case.options) > 4)
    report = na.compare({"out": na.attention(*case.arguments, **case.keywords)}, case)
    assert report.ok, report
    assert "never alone" in report.reason
    assert report.coverage.options == tuple(name for name in OPTIONS if name in case.options)
    assert report.left_out["d_query"] == "no gradient returned"
    assert report.notes == ("out came as float64, and is judged as float32",)


def test_unknown_names_and_cases_are_refused():
    case = na.cases(supports=[])[0]
    with pytest.raises(ValueError, match="arrays has 'dq'"):
        na.compare({"dq": case.query}, case)
    with pytest.raises(TypeError, match="case is dict"):
        na.compare({"out": case.query}, case.arrays)


def test_cases_names_its_profile_and_limits_as_check_candidate_does():
    for function in (na.cases, lambda **options: na.check_candidate(na.attention, **options)):
        with pytest.raises(ValueError, match="profile is 'long'; one of simple, smoke, full is expected"):
            function(profile="long")
    with pytest.raises(TypeError, match=r"cases\(\) has no widths; its limits are groups, "):
        na.cases(widths=3)
