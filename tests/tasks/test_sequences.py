"""Sequences in npz files."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.sequences import read_sequences, renumber_classes


def read(folder, **arrays):
    write_npz(folder / "s.npz", arrays)
    return read_sequences(folder / "s.npz", labelled="y" in arrays)


def test_labels_become_indices_into_the_sorted_classes(tmp_path):
    examples, classes = read(tmp_path, x=np.ones((3, 2, 1), np.float32), y=np.array([7.0, -0.5, 7.0]))
    assert (examples.y.tolist(), classes) == ([1, 0, 1], ("-0.5", "7"))
    assert examples.x.dtype == np.float64
    examples, classes = read(tmp_path, x=np.ones((3, 2, 1)), lengths=np.array([1, 2, 1]))
    assert (examples.y.tolist(), examples.lengths.tolist()) == ([0, 0, 0], [1, 2, 1])


def test_classes_of_another_file_get_the_indices_of_the_run():
    examples = Examples(np.ones((3, 1, 1)), np.array([0.0, 1.0, 1.0]))
    assert renumber_classes(examples, ("b", "c"), ("a", "b", "c"), "f").y.tolist() == [1, 2, 2]
    assert renumber_classes(examples, ("False", "True"), ("a", "b"), "f").y.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match=r"^f: y holds d; one of a, b is expected$"):
        renumber_classes(examples, ("a", "d"), ("a", "b"), "f")
