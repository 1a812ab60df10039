"""A report is printed, kept as JSON, and shown in a notebook."""

import json

import numpy as np

from numpy_attention.check.faults import FAULTS
from numpy_attention.check.referee.findings import CandidateProblem
from numpy_attention.check.referee.report import CandidateReport
from tests.support.candidates import check, spoiled


def d_key_is_wrong(out, d_query, d_key, d_value):
    return out, d_query, d_key * 2, d_value


def test_a_report_is_printed_as_text_json_and_html():
    report = check(spoiled(d_key_is_wrong), name="my_kernel.py:attention")
    assert isinstance(report, CandidateReport)
    text = str(report)
    lines = text.splitlines()
    assert lines[0] == lines[-1] == f"FAIL: {report.reason}"
    assert lines[1] == "looks like: d_key is 2 or B or H times the right one"
    assert lines[3] == "my_kernel.py:attention: numpy, float32, computed in float32, simple, seed 0"
    assert max(map(len, lines)) <= 100
    kept = json.loads(report.to_json())
    assert (kept["outcome"], kept["ok"], kept["status"]) == ("FAIL", False, 1)
    assert {v["tensor"] for v in kept["verdicts"]} == {"out", "d_query", "d_key", "d_value"}
    assert kept["control"]["caught"][0]["fault"] in {each.name for each in FAULTS}
    assert {"layout", "mask", "causal", "arithmetic"} <= set(kept["setting"])
    assert kept["setting"]["source"]["file"].endswith("candidates.py")
    assert set(kept["versions"]) == {"numpy_attention", "numpy", "python", "machine"}
    assert kept["coverage"]["drawn"] == kept["coverage"]["ran"] == len(report.verdicts) / 4
    assert kept["simplest"]["specification"]["name"]
    shown = report._repr_html_()
    assert shown.count("<tr>") == 5
    assert "FAIL" in shown
    assert repr(report) == f"<my_kernel.py:attention: FAIL: {report.reason}>"


def test_no_line_is_longer_than_100_characters_whatever_the_report_says():
    report = check(spoiled(d_key_is_wrong))
    words, name = "no end " * 40, "a_long_name_without_spaces" * 9
    place = (10**9,) * 4
    numbers = {"place": place, "got": -1.2345678901e-200, "right": -1.2345678902e-200, "bound": 1e-200}
    verdicts = tuple(v._replace(case=words, **numbers) for v in report.verdicts)
    simplest = report.simplest
    simplest = simplest._replace(verdicts=tuple(v._replace(**numbers) for v in simplest.verdicts))
    coverage = report.coverage._replace(options=(words,), widths=(7,) * 99, declined={name: (words,)})
    report = report._replace(
        name=name, reason=words, verdicts=verdicts, simplest=simplest, notes=(name, words), errors=(name,),
        left_out={name: words}, laws={name: (f"law 1, {words}",)}, diagnosis=words, precision=name,
        problems=tuple(CandidateProblem(name, words) for _ in range(20)), dtypes={name: "float64"},
        setting={**report.setting, "layout": name, "device": words}, coverage=coverage,
    )  # fmt: skip
    lines = str(report).splitlines()
    assert len(lines) > 40
    assert max(map(len, lines)) <= 100


def test_html_is_escaped_and_infinity_is_a_string_in_json():
    def attention(query, key, value):
        return np.full((*query.shape[:-1], value.shape[-1]), np.nan, query.dtype)

    report = check(attention, name="<b>")
    assert "<b>" not in report._repr_html_()
    assert json.loads(report.to_json())["verdicts"][0]["ratio"] == "inf"
