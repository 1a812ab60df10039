"""The result of a law: what it reads, its worst entry, and whether it holds."""

import numpy as np
import pytest

from numpy_attention.check.faults import fault
from numpy_attention.check.laws.law import Sides
from numpy_attention.study.example import build_example
from numpy_attention.study.law_results import LawResult, StepEvidence, WorstEntry
from numpy_attention.study.step_laws import UP
from numpy_attention.study.walk import walk


def result_of(left, right, relation="=", allowed=1e-12):
    sides = Sides("x", np.asarray(left, float), np.asarray(right, float), np.asarray(allowed), relation)
    return LawResult(UP["values"][0], sides, [])


@pytest.mark.parametrize(
    "left, right, relation, worst",
    [
        ([[1, 2], [3, 4]], [[1, 2], [2, 4]], "=", WorstEntry((1, 0), 4, 3.0, 2.0, 1.0)),
        ([1, 5, 3], 9, "≤", WorstEntry((1,), 3, 5.0, 9.0, -4.0)),
        ([0, 2, 0], [0, 2, 0], "=", WorstEntry((1,), 3, 2.0, 2.0, 0.0)),
        (7, 7, "=", WorstEntry((), 1, 7.0, 7.0, 0.0)),
        ([], 0, "=", WorstEntry((), 0, 0.0, 0.0, 0.0)),
    ],
)
def test_the_worst_entry_is_the_one_closest_to_breaking_the_law(left, right, relation, worst):
    assert result_of(left, right, relation).worst == worst


def test_nan_is_the_worst_of_all():
    result = result_of([1.0, np.nan, 3.0], [2.0, 0.0, 3.0])
    assert result.worst.place == (1,)
    assert not result.ok


def test_a_law_that_an_option_excludes_is_no_error():
    assert not result_of(1, 0).ok
    assert result_of(1, 0)._replace(excluded_by=["sinks"]).ok


def test_the_worst_row_of_a_planted_fault():
    walked = walk(build_example(), steps=fault("no-row-sum").steps)
    (result,) = (x for x in walked.up[2].laws if not x.ok)
    sums = walked.up[2].results["d_masked"].sum(axis=-1)
    n = int(np.abs(sums).argmax())
    assert result.worst == WorstEntry((n,), 2, sums[n], 0.0, abs(sums[n]))
    assert result.deviation == abs(sums[n])


def test_a_need_is_met_by_one_of_its_features():
    evidence = StepEvidence({}, frozenset({"dot"}))
    assert evidence.missing("dot or general") == ""
    assert evidence.missing("concat") == "needs concat"
