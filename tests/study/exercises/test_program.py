import numpy as np
import pytest

from numpy_attention.study.exercises.catalogue import EXERCISES
from numpy_attention.study.exercises.program import parse, scope

from .inprocess import drawn

LINES = parse("both = x + y\nsummed = rowsum(both)\nout = both / summed")


def test_lines_run_in_order_and_leave_the_arguments():
    numbers = {"x": np.array([[1.0, 2.0]]), "y": np.array([[1.0, 0.0]])}
    found = LINES.run(numbers)
    assert found["out"].tolist() == [[0.5, 0.5]]
    assert [*numbers] == ["x", "y"]
    assert LINES.run({**found, "both": np.array([[3.0, 1.0]])}, start=1)["out"].tolist() == [[0.75, 0.25]]


def test_a_line_is_replaced_and_what_is_known_before_it():
    changed = LINES.with_line(0, LINES.lines[0]._replace(function=np.subtract))
    assert changed.run({"x": np.full((1, 2), 3.0), "y": np.array([[1.0, 2.0]])})["both"].tolist() == [[2, 1]]
    assert scope(LINES, 2, ["x", "y"]) == ("x", "y", "both", "summed")


@pytest.mark.parametrize("name", EXERCISES)
def test_textbook_solutions_are_within_their_bounds(name):
    """The bound is that of the textbook: its own numbers, and nothing much larger, must lie within it."""
    each = EXERCISES[name]
    for case in drawn(name):
        with np.errstate(all="ignore"):
            found = each.solution.run(case.call.arguments)
        for result, right in case.expected.values.items():
            got = np.asarray(found[each.computed(result)], dtype=float)
            assert got.shape == right.shape
            equal = got == right
            error = np.where(equal, 0, np.abs(np.where(equal, 0, got) - np.where(equal, 0, right)))
            assert (error <= case.expected.allowed(result)).all(), (case.case.name, result)
