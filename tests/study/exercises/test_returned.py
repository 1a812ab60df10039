"""Right results that are returned wrongly."""

import numpy as np

from numpy_attention.study.exercises.returned import all_times, renamed, summed, transposed_result

from .inprocess import drawn


def test_right_results_times_two_exchanged_transposed_or_summed():
    case = drawn("score-back")[0]
    right = case.expected.values
    assert np.array_equal(all_times(lambda case: 2.0, case)["d_key"], 2 * right["d_key"])
    names = ["d_query", "d_key"]
    assert renamed(names, names[::-1], case)["d_key"] is right["d_query"]
    assert renamed(names, names[::-1], case, turned=True)["d_key"].shape == right["d_query"].T.shape
    assert transposed_result("d_key", case)["d_key"].shape == right["d_key"].shape[::-1]
    assert summed("d_key", np.sum, case, lost=True)["d_key"] == right["d_key"].sum()
