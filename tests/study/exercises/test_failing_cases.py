"""What is said by the cases that fail."""

import numpy as np

from numpy_attention.check.candidate.frameworks import CandidateArray
from numpy_attention.check.outside.explaining import factors
from numpy_attention.study.exercises.failing_cases import by_cases, other_shape, rare
from numpy_attention.study.exercises.grading import judge
from numpy_attention.study.exercises.mistake import Mistake
from numpy_attention.study.exercises.submission import Answer

from .inprocess import drawn


def wrong_in(word, factor=2.0):
    """attention-back, with d_key wrong in the cases with a word in their names."""
    judged = []
    for case in drawn("attention-back"):
        right = case.expected.values
        with np.errstate(invalid="ignore"):  # infinity times zero
            other = right | {"d_key": factor * right["d_key"]} if word in case.case.name else right
        judged.append(judge(case, Answer({n: CandidateArray(x, "float64") for n, x in other.items()})))
    return judged


def test_where_few_calls_fail_no_result_has_a_factor_of_its_own():
    factor, other = (Mistake("a constant factor", words, None) for words in ("one", "another"))
    judged = wrong_in("thousands")
    assert rare({"d_query": [factor], "d_key": [other]}, judged)
    assert rare({"d_query": [factor], "d_key": []}, judged)
    assert not rare({"d_query": [factor], "d_key": [factor]}, judged)
    assert not rare({"d_query": [factor], "d_key": [other]}, wrong_in("one query"))
    assert not rare({"d_query": [factor], "d_key": []}, [case for case in judged if case.wrong])


def test_a_few_extreme_cases_have_a_sentence_and_others_none():
    assert by_cases(wrong_in("thousands"), ["d_key"])[0] == "numbers out of range"
    assert by_cases(wrong_in(""), ["d_key"]) == ("", "")
    assert other_shape(wrong_in(""), "d_key") == ""


def test_infinite_numbers_are_no_multiple_of_the_right_ones():
    judged = wrong_in("", np.inf)
    assert factors(judged) == ""
    assert factors(wrong_in("", 3.0)) == "d_key is 3 times the right one"
    assert by_cases(judged, ["d_key"])[1].startswith("Numbers become infinite or NaN")
