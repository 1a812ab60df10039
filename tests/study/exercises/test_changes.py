import string

import numpy as np

from numpy_attention.study.exercises.catalogue import EXERCISES
from numpy_attention.study.exercises.changes import CHANGES, Change
from numpy_attention.study.exercises.operations import FUNCTIONS
from numpy_attention.study.exercises.variations import ALL_CHANGES

USED = {line.operation for each in EXERCISES.values() for line in each.solution.lines}


def test_changes_are_of_operations_that_some_solution_uses():
    assert set(ALL_CHANGES) <= set(FUNCTIONS)
    assert set(ALL_CHANGES) <= USED


def test_sentences_name_operands_that_there_are():
    for changes in ALL_CHANGES.values():
        for change in changes:
            assert isinstance(change, Change)
            fields = {name for _, name, _, _ in string.Formatter().parse(change.words) if name}
            assert fields <= {"t", "a", "b"}
            assert not change.words.endswith(".")


def test_a_maximum_that_is_not_reset_is_carried_to_later_rows_only():
    (carried,) = [each for each in CHANGES["rowmax"] if "carried over" in each.words]
    assert carried.function(np.array([[1.0, 2.0], [5.0, 0.0], [3.0, 4.0]])).tolist() == [[2], [5], [5]]
