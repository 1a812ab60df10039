import re

import numpy as np
import pytest

from numpy_attention.check.cases.compare import compare_tensor
from numpy_attention.study.exercises.catalogue import EXERCISES, exercise
from numpy_attention.study.exercises.mistake import Mistake
from numpy_attention.study.exercises.variations import Workbook, listed

from .inprocess import drawn
from .test_grading import quick_or_slow


def named(name, words):
    (found,) = (each for each in Workbook(exercise(name), drawn(name)).mistakes() if each.name == words)
    return found


def test_one_changed_line_gives_the_numbers_of_the_mistake():
    mistake = named(
        "softmax-back", "the row's weighted average of d_weights is not subtracted from d_weights"
    )
    case = drawn("softmax-back")[0]
    n = case.call.arguments
    assert mistake.results(case)["d_scores"].tolist() == (n["weights"] * n["d_weights"]).tolist()
    assert mistake.kind == "a term is missing"
    assert mistake.sentence.startswith("The row's")


def test_what_cannot_be_computed_gives_the_right_results():
    mistake = named("values-back", "value is not transposed, in d_weights")
    wide = next(case for case in drawn("values-back") if case.case.name == "fewer queries than keys")
    assert mistake.results(wide) == wide.expected.values


def test_pairs_are_two_mistakes_in_two_lines():
    cases = drawn("softmax-back")
    pairs = [*Workbook(exercise("softmax-back"), cases).pairs(cases[3])]
    assert all(isinstance(each, Mistake) and len(each.changes) == 2 for each in pairs)
    plain_mean = [each for each in pairs if "mean" in each.name]
    assert plain_mean


@pytest.mark.parametrize("name", quick_or_slow(EXERCISES))
def test_mistakes_that_change_a_result_are_caught_by_the_cases(name):
    """Of all that differ by more than rounding somewhere, none stays within all bounds."""
    cases = drawn(name)
    for mistake in Workbook(exercise(name), cases).mistakes():
        differs = fails = False
        for case in cases:
            for tensor, right in case.expected.values.items():
                got = mistake.results(case)[tensor]
                differs |= got.shape != right.shape or not np.allclose(got, right, 1e-9, 1e-9, equal_nan=True)
                verdict = compare_tensor(
                    "", tensor, got, right, case.expected.allowed(tensor), case.call.kept
                )
                fails |= not verdict.ok
            if fails:
                break
        assert fails >= differs, mistake.name


def test_names_are_listed():
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_no_sentence_says_that_a_thing_is_used_as_itself():
    sentences = [each.name for each in Workbook(exercise("scale"), drawn("scale")).mistakes()]
    assert not any(re.fullmatch(r"(.*) is used as \1", each) for each in sentences)
    assert any(each.endswith("is used as scores") for each in sentences)


def test_parts_of_masked_scores_may_be_left_minus_infinity():
    workbook = Workbook(exercise("attention"), drawn("attention"))
    words = "the last column of the masked scores is left minus infinity: a loop ends one step too early"
    (mistake,) = (each for each in workbook.unfinished(0.0) if each.name == words)
    case = max(drawn("attention"), key=lambda case: case.call.arguments["visible"].size)
    changed = dict(case.call.arguments, visible=case.call.arguments["visible"].copy())
    changed["visible"][:, -1] = False
    right = exercise("attention").reference(**changed)["out"]
    assert np.allclose(mistake.results(case)["out"], right)
