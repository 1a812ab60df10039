"""Wrong lines of single exercises, beside the loops that make them."""

import numpy as np

from numpy_attention.study.exercises.own_changes import OWN_LINES


def test_a_sum_that_is_divided_at_each_step_divides_its_first_terms_most():
    change, operands = OWN_LINES["scores"][0]
    assert "at each step" in change.words
    assert operands == ("query", "turned_key", "root")
    a, b = np.array([[1.0, 2.0, 5.0]]), np.array([[3.0], [7.0], [1.0]])
    total = 0.0
    for k in range(3):
        total = (total + a[0, k] * b[k, 0]) / 2
    assert change.function(a, b, 2.0).tolist() == [[total]]
