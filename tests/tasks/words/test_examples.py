"""Windows of a text and pairs of sequences."""

import numpy as np

from numpy_attention.tasks.words.examples import Pairs, Windows


def test_windows_overlap_by_one_id_with_their_targets():
    windows = Windows(np.arange(10), np.array([0, 3, 6]), 3)
    assert windows.size == 3
    assert windows.some(np.array([2, 0])).rows.tolist() == [[6, 7, 8, 9], [0, 1, 2, 3]]


def test_selected_pairs_keep_their_lengths():
    pairs = Pairs(np.ones((3, 2)), np.array([1, 2, 2]), np.ones((3, 4)), np.array([4, 3, 2]))
    assert pairs.size == 3
    assert pairs.some(slice(1, 3)).target_lengths.tolist() == [3, 2]
