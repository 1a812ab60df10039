"""Windows of a text and pairs of sequences."""

import numpy as np
import pytest

from numpy_attention.tasks.words.examples import (
    LEAST_CONTEXT,
    Pairs,
    Windows,
    judging_windows,
    shifted_windows,
    spread_windows,
)


def test_windows_overlap_by_one_id_with_their_targets():
    windows = Windows(np.arange(10), np.array([0, 3, 6]), 3)
    assert windows.size == 3
    assert windows.some(np.array([2, 0])).rows.tolist() == [[6, 7, 8, 9], [0, 1, 2, 3]]


def test_selected_pairs_keep_their_lengths():
    pairs = Pairs(np.ones((3, 2)), np.array([1, 2, 2]), np.ones((3, 4)), np.array([4, 3, 2]))
    assert pairs.size == 3
    assert pairs.some(slice(1, 3)).target_lengths.tolist() == [3, 2]


@pytest.mark.parametrize("length", [3, 11, 33, 40, 97])
@pytest.mark.parametrize("size", [1, 7, 211])
def test_every_id_is_judged_once_with_enough_before_it(length, size):
    windows = judging_windows(np.arange(1000, 1131), np.arange(size), length)
    assert windows.rows[:, 1:][windows.judged].tolist() == list(range(size))
    before = windows.length - windows.counted + 1
    assert before.min() >= min(length, LEAST_CONTEXT)
    assert windows.some(slice(0, 1)).judged.sum() == windows.counted[0]


def test_the_windows_of_an_epoch_are_shifted_as_far_as_the_text_goes():
    windows = spread_windows(np.arange(59), 7)
    starts = {int(shifted_windows(np.random.default_rng(seed), windows).starts[0]) for seed in range(200)}
    assert starts == set(range(59 - 7 * windows.size))
    last = windows._replace(starts=windows.starts + max(starts)).rows[-1]
    assert last.tolist() == list(range(51, 59))


def test_a_text_of_one_window():
    assert spread_windows(np.arange(6), 5).rows.tolist() == [list(range(6))]
