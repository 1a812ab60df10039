"""Right candidates pass, and of wrong ones the wrong tensor and the broken laws are named."""

import re

import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.referee import referee
from tests.support.candidates import OURS, check, plain, simple, spoiled


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_reference_passes_and_every_visible_fault_is_caught(dtype):
    report = check(OURS, dtype=dtype, faults=FAULTS)
    assert report.ok
    assert report.status == 0
    assert set(report.left_out) <= {"scale"}
    assert len(report.control.caught) > 60
    assert not report.control.missed
    below = set(report.control.below)  # no larger than rounding
    assert all(dtype not in each.dtypes for each in FAULTS if each.name in below)
    assert "delta-from-rounded-output" in below or dtype != "bfloat16"
    assert all(verdict.verdict == "PASS" for verdict in report.worst.values())


@pytest.mark.slow
def test_the_full_profile_ends_at_its_budget_and_says_what_it_leaves_out(monkeypatch):
    """tests/check/cases/test_covering.py calls our attentions on all of it."""
    monkeypatch.setattr(referee, "KEPT", 1)
    report = check(OURS, profile="full", repeat=1, budget=1.0)
    assert report.ok, report
    assert report.setting["cases"] > 1  # of the later ones, only the verdicts are kept
    (left,) = (name for name, why in report.left_out.items() if why == "not reached in 1 s")
    count = re.fullmatch(r"([\d,]+) pairs of conditions", left)
    assert int(count[1].replace(",", "")) > 2000, left


def test_forward_only_judges_the_output_alone():
    report = check(spoiled(CHANGES["d_query"]), forward_only=True)
    assert report.ok, report
    assert set(report.worst) == {"out"}
    assert report.left_out["d_query"] == "no gradient returned"
    assert not check(spoiled(CHANGES["out"]), forward_only=True).ok


def test_the_formula_in_float32_passes():
    report = check(plain)
    assert report.ok, report
    assert report.precision == "float32"
    assert set(report.left_out) == {"window", "mask", "softcap", "sinks", "dropout", "q_offset"}
    assert 0.02 < max(verdict.ratio for verdict in report.verdicts) < 1


CHANGES = {
    "out": lambda out, q, k, v: (out * (1 + 0.5), q, k, v),
    "d_query": lambda out, q, k, v: (out, 2 * q, k, v),
    "d_key": lambda out, q, k, v: (out, q, k * (1 - 0.5), v),
    "d_value": lambda out, q, k, v: (out, q, k, v[..., ::-1, :]),
}


@pytest.mark.parametrize("tensor", CHANGES)
def test_the_wrong_tensor_is_named(tensor):
    report = check(spoiled(CHANGES[tensor]))
    assert report.status == 1
    assert report.reason == f"{tensor} is wrong in 2 of 4 cases"
    assert {name for name, v in report.worst.items() if v.verdict == "FAIL"} == {tensor}
    assert f"{tensor} not explained by rounding" in report.precision


def test_broken_laws_are_named_by_number():
    report = check(fault("no-row-sum").pair)
    assert not report.ok
    assert "law 1, a shift of all keys" in report.broken
    assert set(re.findall(r"broken: (law \d+)", str(report))) == {law.split(",")[0] for law in report.broken}


def test_assert_matches_reference_raises_with_the_report():
    na.assert_matches_reference(simple, profile="simple")
    with pytest.raises(AssertionError, match="FAIL: d_query is wrong in "):
        na.assert_matches_reference(spoiled(CHANGES["d_query"]), profile="simple")


@pytest.mark.parametrize(
    "option, values",
    {
        "timeout": (0, -1.0, float("nan"), float("inf"), "60"),
        "repeat": (0, -1, 1.5, True, "2"),
        "length_multiple": (0, 2.0),
        "head_dims": ((0,), (64, 1.5)),
        "seed": (-1, 0.5, None),
    }.items(),
)
def test_numbers_out_of_range_are_refused_before_the_candidate_is_called(option, values):
    for value in values:
        with pytest.raises((TypeError, ValueError), match=rf"^{option} .* expected"):
            na.check_candidate(lambda query, key, value: pytest.fail("called"), **{option: value})
