"""The outcome follows from verdicts, problems, control and sensitivity, in that order."""

import pytest

from numpy_attention.check.cases.compare import Verdict
from numpy_attention.check.referee.conclusion import conclude, outcome_of
from numpy_attention.check.referee.control import CaughtFault, Control
from numpy_attention.check.referee.judging import CaseJudgement
from numpy_attention.check.referee.report import CandidateProblem, CandidateReport
from numpy_attention.check.rounding.formats import roundoff
from tests.support.candidates import plain_case

RIGHT = Verdict("small", "out", "PASS", ratio=0.25)
HANGS = CandidateProblem("small", "hangs")
CAUGHT = Control((CaughtFault("no-row-sum", RIGHT),))
PASSED = CandidateReport("mine", {"cases": 2}, "NOT JUDGED", "", verdicts=(RIGHT,), control=CAUGHT)


@pytest.mark.parametrize(
    "changes, outcome, reason",
    [
        ({}, "PASS", "out in 2 cases; largest error over bound 0.25"),
        (
            {
                "verdicts": (RIGHT._replace(verdict="FAIL"),),
                "problems": (CandidateProblem("small", "hangs"),),
            },
            "FAIL",
            "out is wrong and 1 problem",
        ),
        ({"verdicts": ()}, "NOT JUDGED", "the candidate returned nothing that could be judged"),
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
    assert report.left_out == {"bias": "not supported", "the case 'small'": "declined: no causal"}
    assert (report.outcome, report.reason) == ("FAIL", "2 problems")
