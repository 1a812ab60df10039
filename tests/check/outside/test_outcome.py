"""The outcome of judged cases."""

import numpy as np

import numpy_attention as na


def test_right_numbers_in_another_dtype_have_an_outcome_of_their_own():
    def wide(x, axis=-1):
        return na.softmax(x.astype(np.float64), axis)

    report = na.check_rule(wide, "softmax")
    assert (report.outcome, report.status) == ("WRONG DTYPE", 4)
    assert report.dtypes == {"out": "float64"}


def test_simplest_failing_case_can_be_drawn_again():
    report = na.check_rule(lambda x: np.tanh(x) * x.dtype.type(1.5), "tanh")
    assert report.outcome == "FAIL"
    assert report.simplest.description == "1 x 1, normal"
    scope = {}
    exec("\n".join(report.simplest.lines), scope)
    assert scope["case"].arguments["x"].shape == (1, 1)
    assert "simplest failing case: 1 x 1, normal" in str(report)


def test_an_exception_on_a_plain_shape_is_a_problem_and_on_an_option_declined():
    def rows_of_three_alone(x, axis=-1):
        if axis != -1 or x.ndim != 2:
            raise ValueError("the last of two axes alone")
        if x.shape[0] == 3 and x.shape[1] == 64:
            raise IndexError("block")
        return na.softmax(x)

    report = na.check_rule(rows_of_three_alone, "softmax")
    assert [problem.case for problem in report.problems] == ["3 x 64, normal"]
    (names,) = report.coverage.declined.values()
    assert {"7, normal", "3 x 5, axis=0", "2 x 3 x 5, normal"} <= {*names}
