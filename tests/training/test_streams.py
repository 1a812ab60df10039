"""Examples, the number of logits, and random streams."""

import numpy as np
from numpy_attention.training.data import EXAMPLES, ORDER, START, Data, Examples, stream


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


def test_every_use_and_part_of_a_seed_has_a_stream_of_its_own():
    keys = [(0, EXAMPLES), (1, EXAMPLES), (0, START), (0, ORDER), (0, ORDER, 2)]
    assert len({stream(*key).integers(2**60) for key in keys}) == len(keys)
    assert stream(0, ORDER, 1).integers(2**60) == stream(0, ORDER).integers(2**60)
