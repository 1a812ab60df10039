"""Examples and the number of logits."""

import numpy as np

from numpy_attention.tasks.classification.data import Data, Examples


def test_selected_examples_keep_their_optional_arrays():
    examples = Examples(np.arange(6.0).reshape(3, 2, 1), np.array([0, 1, 2]), lengths=np.array([1, 2, 1]))
    some = examples.some(np.array([2, 0]))
    assert some.x.ravel().tolist() == [4, 5, 0, 1]
    assert (some.y.tolist(), some.lengths.tolist(), some.share) == ([2, 0], [1, 1], None)
    assert examples.some(slice(0)).x.shape == (0, 2, 1)


def test_two_classes_need_one_logit_and_more_need_one_each():
    part = Examples(np.ones((1, 1, 1)), np.zeros(1))
    assert Data(part, part).outputs == 1
    assert Data(part, part, ("a", "b", "c")).outputs == 3
