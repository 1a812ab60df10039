"""Which examples the attention map shows."""

import numpy as np

from numpy_attention.tasks.classification.attention_map import attention_map, some_of_each
from tests.support.runs import begin, settings_of, some_data


def test_examples_of_every_class_are_shown():
    y = np.array([2.0, 0, 0, 1, 0, 2, 2, 2])
    assert some_of_each(y, most=6) == [1, 2, 3, 0, 5]
    assert some_of_each(y, most=1) == [1, 3, 0]


def test_the_map_has_a_row_for_each_example_and_a_column_for_each_token():
    data = some_data()
    shown = attention_map(begin(settings_of(), data), data)
    assert shown.weights.shape == (len(shown.rows), 5)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1)
    assert shown.rows[0] == "1: no"
