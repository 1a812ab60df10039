"""Defects besides wrong numbers are reported as problems, and the other cases go on."""

import re
import sys
import time

import pytest

import numpy_attention as na
from tests.support.candidates import check, plain, simple


def raises(query, key, value):
    raise RuntimeError("no kernel image is available")


def in_some_cases(action):
    """`simple`, but for something done where there are more keys than queries."""

    def attention(query, key, value, *, d_out):
        if query.shape[-2] < key.shape[-2] and query.shape[-2] > 5:
            return action(query, key, value, d_out)
        return simple(query, key, value, d_out=d_out)

    return attention


def changes_its_input(query, key, value, *, d_out):
    out, gradients = simple(query, key, value, d_out=d_out)
    d_out *= 2
    return out, gradients


def hangs(query, key, value, d_out):
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    "candidate, what",
    [
        (raises, r"raises RuntimeError: no kernel image is available \(test_bad_candidates.py, line \d+\)"),
        (changes_its_input, "changes its input d_out"),
        (in_some_cases(lambda *_: 1 / 0), "raises ZeroDivisionError: division by zero"),
    ],
)
def test_defects_are_reported_as_problems(candidate, what):
    report = check(candidate)
    assert report.outcome == "FAIL"
    assert any(re.search(what, problem.what) for problem in report.problems), report


def test_a_failing_case_does_not_stop_the_others():
    report = check(in_some_cases(lambda *_: 1 / 0))
    assert len({verdict.case for verdict in report.verdicts}) >= 3
    hung = check(in_some_cases(hangs), timeout=0.3, repeat=1)
    assert any("hangs" in problem.what for problem in hung.problems)
    assert len({verdict.case for verdict in hung.verdicts}) >= 3


def test_a_wrong_shape_is_the_reason():
    report = check(lambda query, key, value: query @ key.swapaxes(-1, -2))
    assert report.worst["out"].reason.endswith("is expected")


def test_printing_is_noted_and_does_not_fail():
    def talks(query, key, value, *, d_out):
        print("compiling …")
        return simple(query, key, value, d_out=d_out)

    report = check(talks)
    assert report.ok
    assert "prints 'compiling …'" in report.notes


def test_declined_combinations_of_options_are_left_out():
    def attention(query, key, value, causal=False, bias=None, *, d_out):
        if causal and bias is not None:
            raise NotImplementedError("causal and bias together")
        return plain(query, key, value, causal, bias, d_out=d_out)

    report = check(attention)
    assert report.ok, report
    coverage = report.coverage
    assert coverage.combinations in ((("bias", "causal"),), (("bias",),))
    assert list(coverage.declined) == ["causal and bias together"]
    assert len(coverage.declined["causal and bias together"]) == coverage.drawn - coverage.ran > 0
    assert ("bias" in coverage.options) == ("bias" not in report.left_out)
    assert f"{coverage.ran} of {coverage.drawn} cases ran: it declined " in str(report).splitlines()[0]


def test_conditions_that_only_declined_cases_meet_are_named():
    def attention(query, key, value, *, d_out):
        if query.shape[-2] % 16 == 0 and query.size:
            raise NotImplementedError("whole tiles")
        return simple(query, key, value, d_out=d_out)

    report = check(attention, profile="smoke", faults=(), repeat=1)
    left = [
        name for name, reason in report.left_out.items() if reason.startswith("for some tensor, declined")
    ]
    assert len(left) == 1
    assert int(left[0].split()[0]) >= 3  # L % 16 = 0, L % 64 = 0, L % 128 = 0
    assert not any(v.verdict == "FAIL" for v in report.verdicts)


def test_a_case_without_queries_that_is_refused_is_left_out_and_not_counted():
    def attention(query, key, value, *, d_out):
        if not query.size:
            raise ValueError("no query")
        return simple(query, key, value, d_out=d_out)

    report = check(attention)
    assert report.left_out["cases without a query or key"].startswith("raises ValueError: no query")
    assert report.coverage.ran == report.coverage.drawn


def test_a_candidate_that_is_not_implemented_is_not_judged_and_its_exception_is_kept():
    def attention(query, key, value):
        raise NotImplementedError("no kernel for this machine")

    report = check(attention)
    assert (report.outcome, report.status) == ("NOT JUDGED", 3)
    assert report.errors[0].endswith("NotImplementedError: no kernel for this machine")


def test_wrong_dtypes_with_right_numbers_have_an_outcome_of_their_own():
    def widened(query, key, value, *, d_out):
        out, (d_query, d_key, d_value) = simple(query, key, value, d_out=d_out)
        return out.astype(float), (d_query, d_key.astype(float), d_value)

    report = check(widened)
    assert (report.outcome, report.status) == ("WRONG DTYPE", 4)
    assert report.reason == "right numbers, but out, d_key are float64 where the inputs are float32"
    wrong = check(lambda query, key, value, *, d_out: widened(query, 2 * key, value, d_out=d_out))
    assert wrong.outcome == "FAIL"


def test_every_head_width_that_was_asked_for_is_judged_and_named():
    report = check(plain, head_dims=(16, 32))
    assert report.ok, report
    assert report.coverage.widths == (16, 32)
    assert "head widths 16, 32" in str(report)

    def refuses_long_ones(query, key, value, causal=False, *, d_out):
        if query.shape[-1] == 32 and query.shape[-2] > 5:
            raise NotImplementedError("width 32")
        return plain(query, key, value, causal, d_out=d_out)

    refused = check(refuses_long_ones, head_dims=(16, 32))
    assert (refused.outcome, refused.left_out["head width 32"]) == ("NOT JUDGED", "in no case that ran")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"profile": "long"}, "profile is 'long'"),
        ({"arithmetic": "exact"}, "arithmetic is 'exact'"),
        ({"supports": ["all"]}, "'all' is not an option"),
        ({"framework": "mxnet"}, "framework is 'mxnet'"),
        ({"shape": (1, 2, 3)}, "shape is 1,2,3"),
        ({"shape": (1, 3, 2, 4, 4, 4)}, "G divides H"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        na.check_candidate(simple, **options)


def test_an_unloaded_framework_is_refused_and_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(ValueError, match="framework is 'torch', which the candidate does not import"):
        na.check_candidate(simple, framework="torch")
    assert "torch" not in sys.modules
