"""The gate: right solutions pass, mistakes of learners are named, uncaught faults stop a pass."""

import re

import numpy as np
import pytest

from numpy_attention.check.cases.compare import FAIL, PASS
from numpy_attention.study.exercises.catalogue import EXERCISES, exercise
from numpy_attention.study.exercises.exercise import draw
from numpy_attention.study.exercises.grading import NOT_GRADED, contradicted, grade_function, judge, passed
from numpy_attention.study.exercises.submission import Answer
from numpy_attention.study.exercises.variations import Workbook

from . import loops
from .inprocess import drawn, graded
from .learners import PLANTED
from .learners import SOLUTIONS as PLANTED_IN
from .right import SOLUTIONS

MOST_UNNAMED = 2


SHORT = ("softmax-back", "embedding-back")
"""Exercises that every run of the tests grades; the others are slow."""


def quick_or_slow(names):
    return [pytest.param(name, marks=() if name in SHORT else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", quick_or_slow(EXERCISES))
def test_right_solutions_pass_and_get_no_hint(name):
    for source in (*SOLUTIONS[name], *([PLANTED_IN[name]] if name in PLANTED_IN else ())):
        grade = graded(name, source)
        assert (grade.outcome, grade.hints) == (PASS, ()), (source, grade)


@pytest.mark.parametrize("name", quick_or_slow(PLANTED))
def test_thirteen_of_fifteen_mistakes_of_learners_are_named(name):
    assert len(PLANTED[name]) == 15
    unnamed = []
    for old, new, words in PLANTED[name]:
        source = PLANTED_IN[name].replace(old, new)
        assert source != PLANTED_IN[name], old
        grade = graded(name, source)
        assert grade.outcome == FAIL, (old, new)
        if not words or words not in grade.mistake:
            unnamed.append((old, new, grade.mistake))
    assert len(unnamed) <= MOST_UNNAMED, unnamed


@pytest.mark.parametrize("name", quick_or_slow(loops.PLANTED))
def test_mistakes_in_loops_are_named(name):
    right = loops.SOLUTIONS[name]
    assert graded(name, right).outcome == PASS
    for old, new, words in loops.PLANTED[name]:
        assert old in right
        assert words in graded(name, right.replace(old, new)).mistake, (old, new)


@pytest.mark.parametrize("name", quick_or_slow(PLANTED))
def test_no_hint_on_the_mistake_is_code(name):
    for old, new, _ in PLANTED[name][:6]:
        _, kind, mistake = graded(name, PLANTED_IN[name].replace(old, new)).hints
        for line in (*kind, *mistake):
            assert not re.search(r"[=@*]|np\.|axis ?=|\(\w*[,)]", line), line


def test_a_fault_that_no_case_catches_is_no_pass():
    asked = exercise("values-back")
    wide = {"d_weights": np.array(1e3), "d_value": np.array(1e3)}  # bounds under which nothing shows
    cases = [case._replace(expected=case.expected._replace(errors=wide)) for case in draw(asked)]
    grade = passed(asked, Workbook(asked, cases), [judge(case, _right(case)) for case in cases])
    assert grade.outcome == NOT_GRADED
    assert grade.reason.startswith("these cases miss the planted ")


def _right(case):
    from numpy_attention.check.candidate.frameworks import CandidateArray

    return Answer({name: CandidateArray(x, "float64") for name, x in case.expected.values.items()})


@pytest.mark.parametrize("name", [name for name, each in EXERCISES.items() if each.forward])
def test_the_complex_step_agrees_with_the_reference_and_contradicts_a_wrong_sign(name):
    judged = [judge(case, _right(case)) for case in drawn(name)]
    assert contradicted(exercise(name), judged) == []
    negated = [
        case._replace(tensors={n: x._replace(numbers=-x.numbers) for n, x in case.tensors.items()})
        for case in judged
    ]
    assert contradicted(exercise(name), negated) == [*exercise(name).results]


def test_a_file_is_graded_in_a_process_of_its_own_in_two_seconds(tmp_path):
    file = tmp_path / "attention_back.py"
    file.write_text("import numpy as np\n" + SOLUTIONS["attention-back"][0])
    grade = grade_function(file)
    assert (grade.outcome, grade.exercise) == (PASS, "attention-back")
    assert grade.seconds < 10  # 2 s on a machine that does nothing else
