import pytest

from numpy_attention.study.exercises.catalogue import exercise
from numpy_attention.study.exercises.diagnosis import Diagnosis, diagnose, planted_mistakes, wrong_tensors
from numpy_attention.study.exercises.variations import Workbook

from . import loops
from .inprocess import drawn, graded
from .learners import SOLUTIONS


def test_a_planted_fault_is_named_beside_the_sentence():
    source = SOLUTIONS["softmax-back"].replace("(d_weights - dot)", "d_weights")
    assert "It is the known fault no-row-sum" in " ".join(graded("softmax-back", source).hints[2])


def test_each_result_has_a_mistake_of_its_own():
    source = (
        SOLUTIONS["score-back"].replace("dq = c * d_scores", "dq = d_scores").replace("dk = c", "dk = -c")
    )
    mistake = graded("score-back", source).mistake
    assert (
        mistake
        == "d_scores is not divided by the square root of the width, in d_query. d_key has the wrong sign."
    )


def test_two_mistakes_in_one_result_are_named_together():
    source = (
        SOLUTIONS["softmax-back"].replace("axis=1", "axis=0").replace("weights * (d_weights", "(d_weights")
    )
    grade = graded("softmax-back", source)
    assert grade.kind == "two mistakes: the wrong axis, and a factor is missing"
    assert "down the columns" in grade.mistake
    assert "is not multiplied by weights, in d_scores" in grade.mistake


@pytest.mark.parametrize(
    "change, words",
    [(("d_weights - dot", "np.where(abs(d_weights - dot) < 1e-12, 0, d_weights - dot)"), "nearly zero"),
     (("(d_weights - dot)", "np.round(d_weights - dot, 15)"), "swallows small gradients")],
)  # fmt: skip
def test_what_fails_in_some_cases_alone_is_said_by_them(change, words):
    assert words in graded("softmax-back", SOLUTIONS["softmax-back"].replace(*change)).mistake


def test_two_mistakes_that_give_nan_are_named():
    """The mask the other way round, and no maximum subtracted: rows are 0 / 0, and none is left unwritten."""
    source = (
        loops.SOLUTIONS["attention-back"].replace("if not visible", "if visible").replace("- biggest", "")
    )
    mistake = graded("attention-back", source).mistake
    assert "the mask is read the other way" in mistake
    assert "is not subtracted before the exponential" in mistake
    assert "left" not in mistake


def test_unknown_numbers_are_not_named():
    source = "def softmax_back(d_weights, weights):\n    return np.sin(3 * d_weights) + weights**7\n"
    grade = graded("softmax-back", source)
    assert (grade.kind, grade.mistake) == ("", "")
    assert grade.hints[2][0].startswith("No known mistake")


def test_right_answers_have_no_diagnosis():
    cases = drawn("softmax-back")
    assert wrong_tensors(cases) == []
    asked = exercise("softmax-back")
    assert diagnose(asked, Workbook(asked, cases), cases) == Diagnosis()
    assert {"no-row-sum", "plain-mean"} <= {each.name for each in planted_mistakes(asked)}
