"""The held-out part."""

import numpy as np
import pytest

from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.hold_out import held_out_rows, split, validation_rows


def test_a_fifth_of_each_class_is_held_out():
    y = np.repeat([0.0, 1.0, 2.0, 3.0], [100, 41, 3, 1])
    held_out = held_out_rows(np.random.default_rng(0), y)
    assert [int(held_out[y == label].sum()) for label in range(4)] == [20, 8, 1, 0]
    other = held_out_rows(np.random.default_rng(1), y)
    assert (held_out != other).any()


def test_every_example_is_in_one_part():
    examples = Examples(np.arange(40.0).reshape(20, 2, 1), np.arange(20) % 2, lengths=np.arange(20) % 2 + 1)
    data = split(examples, ("a", "b"), 3)
    together = np.concatenate([data.train.x, data.test.x])[:, 0, 0]
    np.testing.assert_array_equal(np.sort(together), np.arange(0, 40, 2))
    for part in (data.train, data.test):
        np.testing.assert_array_equal(part.y, part.x[:, 0, 0] // 2 % 2)
        np.testing.assert_array_equal(part.lengths, part.y + 1)


def test_a_class_with_two_examples_is_needed():
    with pytest.raises(ValueError, match=r"^no class has two examples, so none can be held out"):
        split(Examples(np.ones((2, 1, 1)), np.array([0.0, 1.0])), ("a", "b"), 0)


def test_a_tenth_validates_and_at_least_one_remains():
    kept, validating = validation_rows(3, 41)
    assert (len(validating), sorted([*kept, *validating])) == (4, list(range(41)))
    assert [len(rows) for rows in validation_rows(0, 2)] == [1, 1]
    for size in (0, 1):
        with pytest.raises(ValueError, match=f"the training part has {size} examples; patience needs two"):
            validation_rows(0, size)
