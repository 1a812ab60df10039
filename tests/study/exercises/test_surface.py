"""What is read from a result before its numbers are compared."""

import numpy as np
import pytest

from numpy_attention.check.candidate.frameworks import CandidateArray
from numpy_attention.study.exercises.grading import judge
from numpy_attention.study.exercises.submission import Answer
from numpy_attention.study.exercises.surface import all_zero, coarse, place_of, read, rejudged, turned

from .inprocess import drawn, graded
from .learners import SOLUTIONS


def changed(change, dtype="float64"):
    """The cases of values-back with d_weights changed."""
    found = []
    for case in drawn("values-back"):
        right = case.expected.values
        numbers = change(right["d_weights"].copy())
        tensors = {"d_weights": CandidateArray(np.asarray(numbers, float), dtype),
                   "d_value": CandidateArray(right["d_value"], "float64")}  # fmt: skip
        found.append(judge(case, Answer(tensors)))
    return found


def without(where):
    def change(x):
        x[where] = 0
        return x

    return change


@pytest.mark.parametrize(
    "where, words",
    [
        (np.s_[-1], "the last row of d_weights is left 0"),
        (np.s_[:, :1], "the first column of d_weights is left 0"),
        (np.s_[1:], "all rows of d_weights but the first are left 0"),
    ],
)
def test_a_part_that_is_zero_in_all_cases_is_named(where, words):
    surface = read(changed(without(where)), "d_weights")
    assert surface.words.startswith(words)
    assert surface.of(np.ones((3, 3))).min() == 0


def test_a_dtype_is_read_before_numbers():
    surface = read(changed(np.trunc, "int64"), "d_weights")
    assert (surface.kind, surface.of(np.array([-1.5])).tolist()) == ("the dtype", [-1])
    assert surface.words.endswith("where float64 is expected: its fractions are cut off")
    assert read(changed(lambda x: x), "d_weights") is None
    assert read(changed(np.negative, "float128"), "d_weights") is None  # no digit is lost


def test_one_place_is_named_if_all_else_is_right():
    def spoiled(x):
        x[-1] = 3.0
        return x

    assert place_of(changed(spoiled), "d_weights").startswith("The last row of d_weights is wrong")
    assert place_of(changed(lambda x: x + 1), "d_weights") == ""


def test_a_place_is_named_though_its_right_numbers_are_zero_in_some_cases():
    cases = changed(lambda x: np.concatenate([x[:-1], -x[-1:]]))
    few = [judge(case, Answer(case.tensors | {"d_weights": CandidateArray(case.expected.values["d_weights"],
           "float64")})) for case in cases]  # fmt: skip
    named = "The last row of d_weights is wrong"
    assert place_of(cases[:-1] + few[-1:], "d_weights").startswith(named)
    assert place_of(few[:-1] + cases[-1:], "d_weights") == ""


def test_a_result_that_is_zero_in_most_cases_is_named():
    words = all_zero(changed(lambda x: 1e-20 * x), "d_weights")[1]
    assert words.startswith("d_weights is 0, but for rounding, in 16 of 16 cases")
    assert all_zero(changed(lambda x: x), "d_weights")[1] == ""


def test_float32_on_the_way_is_seen_by_its_digits():
    rng = np.random.default_rng(0)
    judged = changed(lambda x: x * (1 + 5e-8 * rng.standard_normal(x.shape)))
    assert "7 digits" in coarse(judged, "d_weights")[1]
    assert coarse(changed(lambda x: x * (1 + 1e-7)), "d_weights")[1] == ""


def test_numbers_rounded_to_decimal_places_are_not_called_float16():
    kind, words = coarse(changed(lambda x: np.round(x, 4)), "d_weights")
    assert (kind, words) == (
        "digits are rounded away",
        "d_weights is right to 4 decimal places only: it is rounded",
    )
    assert "decimal" not in coarse(changed(lambda x: np.round(1.01 * x, 4)), "d_weights")[1]
    assert "7 digits" in coarse(changed(lambda x: x.astype(np.float32)), "d_weights")[1]


def test_a_transposed_result_is_turned_back():
    judged = changed(lambda x: x.T)
    assert turned(judged) == ["d_weights"]
    assert not any(case.wrong for case in rejudged(judged, ["d_weights"]))


@pytest.mark.parametrize(
    "change, words",
    [
        (("return dw, dv", "return dw.astype(int), dv"), "d_weights is an array of int64"),
        (("return dw, dv", "return (2 * dw).astype(int), -dv"),
         "d_weights is multiplied by two. d_value has the wrong sign."),
        (("return dw, dv", "return -dw.T, dv"),
         "its shape is S by L, not L by S. d_weights has the wrong sign."),
        (("return dw, dv", "dv[-1] = 0\n    return dw, -dv"), "The last row of d_value is left 0"),
        (("return dw, dv", "return -dw, np.sin(dv) + dv.max()"),
         "d_value is wrong too, by a mistake that is not known here."),
        (("return dw, dv", "d_out *= 2\n    return -dw, dv"), "It also changes its argument d_out."),
    ],
)  # fmt: skip
def test_what_is_read_and_what_is_computed_are_both_named(change, words):
    assert words in graded("values-back", SOLUTIONS["values-back"].replace(*change)).mistake


def test_nan_that_numpy_warned_of_is_not_left():
    def undefined(x):
        x[-1] = np.nan
        return x

    cases = changed(undefined)
    assert read(cases, "d_weights").words.startswith("the last row of d_weights is left NaN")
    assert read([case._replace(warned="line 3: invalid value") for case in cases], "d_weights") is None


def test_terms_that_cancel_are_not_called_unwritten():
    kind, words = all_zero(changed(lambda x: 1e-17 * x), "d_weights")
    assert (kind, "its terms cancel" in words) == ("terms that cancel", True)
    assert all_zero(changed(lambda x: 0 * x), "d_weights")[0] == "a part is never written"
