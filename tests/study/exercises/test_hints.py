import pytest

from numpy_attention.study.exercises.diagnosis import Diagnosis
from numpy_attention.study.exercises.hints import UNKNOWN, cause, hints, kind_of, wrapped

from .inprocess import drawn, graded
from .learners import SOLUTIONS


def test_three_layers_from_the_place_to_the_mistake():
    source = SOLUTIONS["softmax-back"].replace("weights * (d_weights - dot)", "weights * d_weights")
    where, kind, mistake = graded("softmax-back", source).hints
    assert (
        "\n".join(where)
        == """\
d_scores is wrong. The smallest failing case:

    d_weights (2, 2)    weights (2, 2)
    1  0                0.2500  0.7500
    0  2                0.5000  0.5000

    your d_scores (2, 2)    the right d_scores (2, 2)
    0.2500  0                0.1875  -0.1875
    0       1.0000          -0.5000   0.5000

It breaks a law: each row of d_scores adds up to 0. Here: 0.25, 1 and 0."""
    )
    assert kind == ("Kind of mistake: a term is missing.",)
    assert mistake[0] == "The row's weighted average of d_weights is not subtracted from d_weights."


def test_a_law_that_holds_is_said_to():
    source = SOLUTIONS["softmax-back"].replace("return ds", "return 2 * ds")
    assert graded("softmax-back", source).hints[0][-1].startswith("The laws of this step hold")


def test_what_is_no_number_has_hints_too():
    source = SOLUTIONS["values-back"].replace("dv = ", "dv = np.ones((2, 3)) @ np.ones((4, 3)) + ")
    where, kind, mistake = graded("values-back", source).hints
    assert "raises ValueError" in where[0]
    assert any("first call in which it does" in line for line in where)
    assert kind[0].startswith("Kind of mistake: it ")
    assert "shapes do not fit" in mistake[0]
    assert hints(None, [], ["keeps a state"], Diagnosis())[0] == ("It keeps a state.",)


def test_an_unknown_mistake_leads_back_to_the_case():
    cases = drawn("softmax-back")
    assert UNKNOWN.startswith("No known mistake")
    assert all(len(line) <= 100 for line in wrapped(UNKNOWN, "b" * 99 + " c"))
    assert cases


def test_a_wrong_shape_is_said_if_nothing_else_fits():
    source = SOLUTIONS["score-back"].replace(
        "d_scores.T @ query", "d_scores.sum(axis=1, keepdims=True) * query"
    )
    grade = graded("score-back", source)
    assert (grade.kind, grade.mistake) == ("the wrong shape", "d_key has the shape 1 by 4, not 2 by 4.")


def test_a_transposed_shape_is_said_before_any_law():
    where = graded("score-back", SOLUTIONS["score-back"].replace("return dq, dk", "return dq, dk.T")).hints[0]
    assert where[-1] == "d_key has the shape 4 by 2, not 2 by 4."
    assert not any("law" in line for line in where)


@pytest.mark.parametrize(
    "problem, kind, words",
    [
        (
            "defines softmax(y, z), where softmax(x) is called",
            "the arguments of the function",
            "other arguments",
        ),
        (
            "gives another answer to the same call later: it keeps a state",
            "depends on those before",
            "outlives",
        ),
        (
            "raises KeyError: 3 (softmax.py, line 5)",
            "raises an exception",
            "in the line that the message names",
        ),
        ("cannot be imported: SyntaxError (line 1)", "cannot be run", "in the line that the message names"),
        ("ends the child process", "not in the numbers", "No more is known"),
    ],
)
def test_only_an_exception_is_said_to_name_a_line(problem, kind, words):
    assert kind in kind_of(problem)
    assert words in cause(problem)


def test_a_changed_argument_is_counted_and_of_its_own_kind():
    source = SOLUTIONS["softmax-back"].replace("return ds", "weights *= 2\n    return ds")
    grade = graded("softmax-back", source)
    assert grade.reason == "it changes its argument weights, in 16 of 16 calls"
    assert grade.hints[1] == ("Kind of mistake: an argument is changed in place, in 16 of 16 calls.",)
