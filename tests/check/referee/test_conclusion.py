"""The outcome follows from verdicts, problems, control and sensitivity, in that order."""

import pytest

from numpy_attention.check.cases.compare import Verdict
from numpy_attention.check.referee.conclusion import conclude, outcome_of
from numpy_attention.check.referee.control import CaughtFault, Control
from numpy_attention.check.referee.coverage import Coverage
from numpy_attention.check.referee.findings import CandidateProblem
from numpy_attention.check.referee.judging import CaseJudgement
from numpy_attention.check.referee.report import CandidateReport
from numpy_attention.check.rounding.formats import roundoff
from tests.support.candidates import plain_case

RIGHT = Verdict("small", "out", "PASS", ratio=0.25)
HANGS = CandidateProblem("small", "hangs")
CAUGHT = Control((CaughtFault("no-row-sum", RIGHT),))
PASSED = CandidateReport(
    "mine", {"arithmetic": "float32", "dtype": "float32"}, "NOT JUDGED", "", verdicts=(RIGHT,),
    control=CAUGHT, coverage=Coverage(2, 2),
)  # fmt: skip


@pytest.mark.parametrize(
    "changes, outcome, reason",
    [
        ({}, "PASS", "out in 2 cases; error/bound up to 0.25"),
        (
            {
                "verdicts": (RIGHT._replace(verdict="FAIL"),),
                "problems": (CandidateProblem("small", "hangs"),),
            },
            "FAIL",
            "out is wrong in 1 of 1 case; 1 problem",
        ),
        ({"problems": (HANGS, HANGS)}, "FAIL", "hangs (in small); 1 other problem"),
        ({"verdicts": ()}, "NOT JUDGED", "the candidate returned nothing that could be judged"),
        (
            {"left_out": {"head width 64": "in no case that ran"}},
            "NOT JUDGED",
            "head width 64: asked for, but in no case that ran",
        ),
        (
            {"dtypes": {"out": "float64", "d_key": "float64"}},
            "WRONG DTYPE",
            "right numbers, but out, d_key are float64 where the inputs are float32",
        ),
        (
            {"coarser": "tf32", "verdicts": (RIGHT._replace(verdict="FAIL"),)},
            "COARSER",
            "right as products like TF32, sums like float32; judged as float32 accumulation it is not",
        ),
        (
            {"control": CAUGHT._replace(missed=("a", "b"))},
            "NOT JUDGED",
            "the control missed 2 planted faults, so a PASS would prove nothing",
        ),
        (
            {"control": Control()},
            "NOT JUDGED",
            "the control had no fault to catch, so a PASS would prove nothing",
        ),
        (
            {"verdicts": (RIGHT._replace(verdict="INCONCLUSIVE"),)},
            "INCONCLUSIVE",
            "out cannot be resolved in this precision",
        ),
        ({"weak": ("sinks",)}, "INCONCLUSIVE", "no case is sensitive enough to judge sinks"),
    ],
)
def test_outcome_and_reason(changes, outcome, reason):
    assert outcome_of(PASSED._replace(**changes)) == (outcome, reason)


def test_one_inconclusive_case_does_not_take_a_pass_away():
    verdicts = (RIGHT, RIGHT._replace(verdict="INCONCLUSIVE", ratio=0.5))
    assert outcome_of(PASSED._replace(verdicts=verdicts))[0] == "PASS"


def test_equal_problems_are_merged_and_missing_gradients_left_out():
    reference = plain_case()
    judged = [(reference, CaseJudgement({}, problems=("returns nothing", "hangs")))] * 3
    judged.append((reference, CaseJudgement({}, declined="no causal")))
    left_out = {"bias": "not supported"}
    report = conclude("mine", {}, judged, CAUGHT, roundoff("float32"), left_out=left_out)
    assert report.problems == (
        CandidateProblem("small and 2 more", "returns nothing"),
        CandidateProblem("small and 2 more", "hangs"),
    )
    assert report.left_out == {"bias": "not supported"}
    assert report.coverage.declined == {"no causal": ("small",)}
    assert (report.outcome, report.reason) == (
        "FAIL",
        "returns nothing (in small and 2 more); 1 other problem",
    )


def test_a_wrong_number_outweighs_a_wrong_dtype_and_an_asked_arithmetic_outweighs_a_coarser_one():
    wrong = PASSED._replace(verdicts=(RIGHT._replace(verdict="FAIL"),))
    assert outcome_of(wrong._replace(dtypes={"out": "float64"}))[0] == "FAIL"
    asked = wrong._replace(coarser="tf32", setting=wrong.setting | {"arithmetic_asked": True})
    outcome, reason = outcome_of(asked)
    assert (outcome, reason[:58]) == ("FAIL", "out is wrong: right as products like TF32, sums like float")
    assert outcome_of(asked._replace(coarser="")) == ("FAIL", "out is wrong in 1 of 1 case")
