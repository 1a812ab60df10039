"""Mistakes that nobody planted: found as sums of products in the place of a line."""

import pytest

from .inprocess import graded
from .learners import SOLUTIONS
from .right import SOLUTIONS as RIGHT


@pytest.mark.parametrize(
    "result, kind, words",
    [
        ("weights * d_weights - dot", "a factor is missing",
         "The row's weighted average of d_weights is not multiplied by weights, in d_scores."),
        ("d_weights - weights * d_weights.sum(axis=1, keepdims=True)", "the wrong operation",
         "d_weights minus the row sums of d_weights times weights"),
        ("weights * d_weights / dot", "the wrong array",
         "d_weights times weights divided by the row's weighted average of d_weights"),
        ("weights * (d_weights - weights * dot)", "a factor too many", "multiplied by weights"),
        ("np.exp(weights) * (d_weights - dot)", "the wrong array", "The exponential of weights"),
    ],
)  # fmt: skip
def test_what_stands_in_the_place_of_a_line_is_said(result, kind, words):
    grade = graded("softmax-back", SOLUTIONS["softmax-back"].replace("weights * (d_weights - dot)", result))
    assert words in grade.mistake
    assert grade.kind == kind


def test_a_step_that_only_one_result_lacks_is_a_missing_factor():
    grade = graded("score-back", SOLUTIONS["score-back"].replace("dk = c * d_scores", "dk = d_scores"))
    assert grade.kind == "a factor is missing"
    assert grade.mistake == "d_scores is not divided by the square root of the width, in d_key."


def test_what_fails_for_some_shapes_is_told_what_usually_lies_behind():
    source = RIGHT["values-back"][0].replace("weights.T @", "weights @")
    assert "transpose" in graded("values-back", source).mistake
