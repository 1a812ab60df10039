"""The text of a report: verdict and diagnosis first, numbers that can be read, what to do next."""

import numpy as np
import pytest

from numpy_attention.check.cases.compare import Verdict
from numpy_attention.check.pairs.report import WIDTH
from numpy_attention.check.referee.control import CaughtFault, Control
from numpy_attention.check.referee.coverage import Coverage
from numpy_attention.check.referee.report import CandidateReport
from numpy_attention.check.referee.report_text import next_steps
from tests.support.candidates import check, plain, simple, spoiled

RIGHT = Verdict("small", "out", "PASS", ratio=0.25)
REPORT = CandidateReport("mine", {"profile": "smoke"}, "PASS", "fine", verdicts=(RIGHT,))


def d_key_is_wrong(out, d_query, d_key, d_value):
    return out, d_query, d_key * 2, d_value


def raises(query, key, value, *, d_out):
    if query.shape[-2] != key.shape[-2] and query.shape[-2] > 5:
        raise ZeroDivisionError("a long message " * 30)
    return simple(query, key, value, d_out=d_out)


def widened(out, *gradients):
    return out.astype(float), *gradients


@pytest.mark.parametrize("candidate", [simple, spoiled(d_key_is_wrong), raises, spoiled(widened)])
def test_every_line_is_within_100_columns_and_the_verdict_is_first_and_last(candidate):
    report = check(candidate, name="a_folder_with_a_long_name/" * 5)
    lines = str(report).splitlines()
    verdict = f"{report.outcome}: {report.reason}"
    assert max(map(len, lines)) <= WIDTH
    assert verdict.startswith(lines[0])
    assert verdict.endswith(lines[-1].strip())


def test_the_diagnosis_is_below_the_verdict():
    wrong = REPORT._replace(outcome="FAIL", reason="out is wrong", diagnosis="the scale is missing")
    assert str(wrong).splitlines()[:2] == ["FAIL: out is wrong", "looks like: the scale is missing"]


def test_a_pass_is_followed_by_its_control():
    report = REPORT._replace(control=Control((CaughtFault("no-scale", RIGHT),)))
    second = str(report).splitlines()[1]
    assert second == "control: 1 of 1 faults planted in the reference were caught"


def test_the_simplest_failing_case_has_readable_numbers():
    text = str(check(spoiled(d_key_is_wrong)))
    _, failing = text.split("simplest failing case: ")
    name, numbers = failing.splitlines()[:2]
    assert "no options" in name
    assert numbers.startswith("  d_key[")
    words = numbers.split()
    got, right, allowed = (float(words[words.index(x) + 1]) for x in ("got", "right", "error"))
    assert got == pytest.approx(2 * right, rel=1e-4)
    assert 0.1 < abs(right) < 10
    assert allowed < 1e-3
    assert "case = draw_case(Specification(" in failing


def test_tensors_are_listed_with_the_number_of_wrong_cases():
    report = check(spoiled(d_key_is_wrong))
    n = report.coverage.ran
    wrong = n - 2  # two cases have no query
    row = next(line for line in str(report).splitlines() if line.startswith("d_key"))
    assert row.split()[:5] == ["d_key", "FAIL", str(wrong), "of", str(n)]


def test_an_exception_is_printed_in_full_and_once():
    report = check(raises)
    text = str(report)
    assert len(report.errors) == 1
    assert text.count("Error: a long message") == 3  # cut in the reason, first and last, and in full
    assert "".join(text.split()).count("alongmessage") > 30
    assert 'raise ZeroDivisionError("a long message " * 30)' in text
    assert "run_sandboxed" not in text
    assert "case = draw_case(" in text


def test_a_long_traceback_is_shortened_in_print_alone():
    error = "\n".join(f"line {n}" for n in range(1000))
    text = str(REPORT._replace(errors=(error,)))
    assert "line 0\n" in text
    assert "line 999\n" in text
    assert "… 960 more lines; --json FILE keeps them …" in text
    assert "line 500" not in text


def test_options_are_grouped_by_the_reason_why_they_were_not_judged():
    coverage = Coverage(9, 2, ("bias",), widths=(16, 64), declined={"no causal": tuple("abcdefg")})
    report = REPORT._replace(left_out={"scale": "not supported", "sinks": "not supported"}, coverage=coverage)
    lines = str(report).splitlines()
    assert "  judged: 2 of 9 cases; head widths 16, 64; options: bias" in lines
    assert "  not judged: scale, sinks (not supported)" in lines
    assert "  declined: a; b; c; d; e and 2 more (no causal)" in lines


@pytest.mark.parametrize(
    "changes, step",
    [
        ({}, "add --profile full, which has every pair of options and more sizes"),
        ({"setting": {"profile": "full"}}, None),
        ({"outcome": "COARSER", "coarser": "tf32"}, "add --arithmetic tf32 if that precision is intended"),
        (
            {"outcome": "WRONG DTYPE", "dtypes": {"out": "float64"}},
            "return results in the dtype of the inputs, or judge with --dtype float64",
        ),
    ],
)
def test_the_next_step_names_the_option_to_add(changes, step):
    assert next(next_steps(REPORT._replace(**changes)), None) == step


def test_two_numbers_that_differ_late_are_printed_with_more_digits():
    def slightly_wrong(out, *gradients):
        return out * np.float32(1 + 1e-5), *gradients

    report = check(spoiled(slightly_wrong))
    (line,) = [x for x in str(report).splitlines() if x.startswith("  out[")]
    words = line.split()
    assert words[words.index("got") + 1] != words[words.index("right") + 1]


def test_layout_mask_and_corner_are_named_where_they_are_not_the_usual():
    assert "  called with causal bottom_right" in str(check(plain))
    assert "called with" not in str(check(simple, causal=None))
