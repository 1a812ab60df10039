import json

import numpy as np
import pytest

from numpy_attention.check.cases.compare import FAIL, PASS
from numpy_attention.check.faults import fault
from numpy_attention.study.exercises import look

STUDENTS = [f"student {n}" for n in range(12)]


def file_of(folder, name, student, **changes):
    content = json.loads(look.start(name, student)) | changes
    path = folder / "answers.json"
    path.write_text(json.dumps(content))
    return path, content


def filled(student):
    content = json.loads(look.start("predict", student))
    given = {name: np.array(content[name], dtype=float) for name in ("query", "key", "value", "d_out")}
    right = look.worked(given)
    for blank in look.BLANKS:
        row, column = blank.place
        content[blank.array][row][column] = round(float(right[blank.array][row, column]), 2)
    return content


@pytest.mark.parametrize("student", STUDENTS)
def test_two_decimals_of_the_shown_numbers_are_enough(student, tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(filled(student)))
    assert look.grade_answers(path).outcome == PASS


def test_twelve_blanks_each_with_a_hint(tmp_path):
    path, content = file_of(tmp_path, "predict", "anna")
    assert sum(row.count(None) for x in content.values() if isinstance(x, list) for row in x) == 12
    grade = look.grade_answers(path)
    assert (grade.outcome, grade.reason) == (FAIL, "12 of 12 numbers are wrong, first scores[1][0]")
    assert [len(lines) for lines in grade.hints[1:]] == [12, 12]
    content = filled("anna")
    content["weights"][1][2] = 0.3
    path.write_text(json.dumps(content))
    where, law, words = look.grade_answers(path).hints
    assert "weights[1][2]: yours is 0.3" in where[0]
    assert law == ("weights[1][2]: a hidden key has no share",)
    assert words == ("weights[1][2]: key 2 comes after query 1 and is hidden",)


def test_every_student_has_numbers_of_his_own():
    assert len({look.start("predict", student) for student in STUDENTS}) == len(STUDENTS)
    assert look.start("hunt", "anna") == look.start("hunt", "anna")


@pytest.mark.parametrize("student", STUDENTS)
def test_one_fault_of_ten_gives_the_shown_numbers(student, tmp_path):
    content = json.loads(look.start("hunt", student))
    given = {name: np.array(content[name]) for name in ("query", "key", "value", "d_out")}
    assert len(content["faults"]) == 10
    fitting = []
    for name in content["faults"]:
        found = look.worked(given, fault(name).pair)
        if all(np.abs(found[n] - np.array(content[n], dtype=float)).max() < 1e-3 for n in found):
            fitting.append(name)
    (planted,) = fitting
    path, _ = file_of(tmp_path, "hunt", student, fault=planted.replace("-", "_").upper())
    assert look.grade_answers(path).outcome == PASS


def test_a_wrong_name_gets_the_array_the_family_and_the_statement(tmp_path):
    path, content = file_of(tmp_path, "hunt", "anna")
    assert look.grade_answers(path).reason == "no fault is named yet"
    path, _ = file_of(tmp_path, "hunt", "anna", fault="no such fault")
    assert "not among the faults of the file" in look.grade_answers(path).reason
    where, kind, words = look.grade_answers(path).hints
    assert where[0].startswith("Other than in right attention: ")
    assert kind[0].startswith("Kind of mistake: a fault in the ")
    assert " ".join(words) in {" ".join(text.split()) for text in content["faults"].values()}


@pytest.mark.parametrize(
    "text, words",
    [("[]", "is no exercise"), ('{"exercise": "predict"}', '"student" are expected'), ("{",
        "is not a whole JSON file"),
     ('{"exercise": "softmax", "student": "a"}', "is no exercise")],
)  # fmt: skip
def test_other_json_is_refused(text, words, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        look.grade_answers(tmp_path / "a.json")


@pytest.mark.parametrize("rows", [None, 3, [], [[1]], "text", [[None] * 3] * 3])
def test_answers_of_any_form_are_graded(rows, tmp_path):
    path, _ = file_of(tmp_path, "predict", "anna", weights=rows, scores=[[True] * 3] * 3)
    assert look.grade_answers(path).outcome == FAIL
