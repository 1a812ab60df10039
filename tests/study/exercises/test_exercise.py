import numpy as np
import pytest

from numpy_attention.study.exercises.catalogue import EXERCISES, exercise
from numpy_attention.study.exercises.exercise import calls, draw


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_has_its_arguments_results_and_names(name):
    each = exercise(name)
    for _, arguments in calls(each):
        assert [*arguments] == [*each.arguments]
        assert [*each.reference(**arguments)] == [*each.results]
    lines = [line.target for line in each.solution.lines]
    assert {each.computed(result) for result in each.results} <= {*lines}
    assert len({*lines}) == len(lines)
    assert {*each.phrases} <= {*lines, *each.arguments} or name in ("softmax", "scale", "values-back",
                                                                    "softmax-back",
                                                                     "score-back", "heads")  # fmt: skip
    assert len({arguments for arguments, _ in calls(each)}) == len(calls(each))


@pytest.mark.parametrize("name", EXERCISES)
def test_laws_hold_for_right_results(name):
    each = exercise(name)
    for case in draw(each):
        numbers = {**case.call.arguments, **case.expected.values}
        size = max(
            np.abs(x).max() for x in numbers.values() if isinstance(x, np.ndarray) and np.isfinite(x).all()
        )
        for statement, sides in each.laws:
            left, right = sides(numbers)
            assert (np.abs(left - right) <= 1e-12 * max(size, 1) ** 2).all(), (statement, case.case.name)


def test_results_that_are_arguments_too_are_new_in_the_solution():
    assert exercise("adam").computed("param") == "new_param"
    assert exercise("softmax-back").computed("d_scores") == "d_scores"
    assert exercise("softmax-back").returns == "d_scores"
    assert exercise("values-back").returns == "(d_weights, d_value)"
    assert exercise("values-back").phrase("turned_value") == "the transposed value"
