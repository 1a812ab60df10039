"""What loops leave out and dtypes cut."""

import numpy as np
import pytest

from numpy_attention.study.exercises.unfinished import CASTS, PARTS, SHORT_SUMS, left


@pytest.mark.parametrize(
    "words, kept",
    [
        ("the first row of", [[0, 0, 0], [4, 5, 6]]),
        ("the last row of", [[1, 2, 3], [0, 0, 0]]),
        ("all rows of {x} but the first", [[1, 2, 3], [0, 0, 0]]),
        ("the last column of", [[1, 2, 0], [4, 5, 0]]),
        ("the first and the last column", [[0, 2, 0], [0, 5, 0]]),
        ("beyond the number of its rows", [[1, 2, 0], [4, 5, 0]]),
        ("right of its diagonal", [[1, 0, 0], [4, 5, 0]]),
        ("but its diagonal", [[1, 0, 0], [0, 5, 0]]),
    ],
)
def test_a_part_is_left_as_it_was_made(words, kept):
    part = [part for part in PARTS if words in part.words][-1]
    assert left(part, np.array([[1.0, 2, 3], [4, 5, 6]])).tolist() == kept


def test_an_array_without_heads_has_no_last_head():
    part = [part for part in PARTS if "the last head" in part.words][-1]
    assert left(part, np.ones((2, 2))).all()
    assert np.isnan(left(part, np.ones((2, 1, 1)), np.nan)).ravel().tolist() == [False, True]


def test_a_sum_in_an_array_of_int_is_cut_after_each_term():
    a, b = np.array([[0.6, 1.7]]), np.array([[1.0], [1.0]])
    (cut,) = (change for change in SHORT_SUMS["@"] if "array of int" in change.words)
    assert cut.function(a, b).tolist() == [[1.0]]
    short = {change.words.partition(":")[0]: change.function(a, b) for change in SHORT_SUMS["@"][:2]}
    assert [x.tolist() for x in short.values()] == [[[0.6]], [[1.7]]]
    whole = {name: cast(np.array([0.0, -1.7])).tolist() for name, _, cast in CASTS[:2]}
    assert whole == {"int64": [0, -1], "bool": [0, 1]}
