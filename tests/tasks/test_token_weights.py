"""The table of mean weights; its numbers are in the docstring's example."""

import numpy as np

from numpy_attention.tasks.token_weights import token_weights


def test_many_tokens_are_cut_and_classes_without_examples_left_out():
    weights = np.full((3, 2, 25), 1 / 25)
    names, classes = [str(i) for i in range(25)], [f"class {i}" for i in range(9)]
    lines = token_weights(names, weights, np.array([0, 1, 1]), classes)
    assert len(lines) == 1 + 20 + 1
    assert lines[0].split() == ["Mean", "weight", "all", "class", "0", "class", "1", "…"]
    assert lines[-1] == "… and 5 tokens more"


def test_a_class_called_all_keeps_its_own_column():
    weights = np.array([[[0.75, 0.25]], [[0.25, 0.75]]])
    lines = token_weights(["1", "2"], weights, np.array([0, 1]), ["all", "x"])
    assert lines[0].split() == ["Mean", "weight", "all", "all", "x"]
    assert lines[1].split() == ["1", "0.500", "0.750", "0.250"]
