import numpy as np

from numpy_attention.study.exercises import operations as ops

X = np.arange(6.0).reshape(2, 3)


def test_sums_of_rows_keep_their_axis_and_transposes_are_of_the_last_two():
    assert ops.along_rows(X).tolist() == [[3], [12]]
    assert ops.transposed(X[None]).shape == (1, 3, 2)
    assert ops.width_root(np.ones((2, 9))) == 3


def test_masks_count_from_the_offset():
    assert ops.not_later(np.ones((2, 3)), 1).tolist() == [[True, True, False], [True, True, True]]
    assert ops.hide(X, X > 2).tolist() == [[-np.inf] * 3, [3, 4, 5]]


def test_heads_are_neighbouring_columns_and_come_back():
    x = np.arange(12.0).reshape(3, 4)
    assert ops.split_heads(x, 2)[1].tolist() == [[2, 3], [6, 7], [10, 11]]
    assert (ops.join_heads(ops.split_heads(x, 2)) == x).all()
    keys = ops.repeat_heads(np.array([[[1.0]], [[2.0]]]), np.ones((4, 1, 1)))
    assert keys.ravel().tolist() == [1, 1, 2, 2]
    assert ops.grouped(keys, np.ones((2, 1, 1))).sum(axis=1).ravel().tolist() == [2, 4]


def test_rotary_angles_fall_by_pairs():
    assert ops.rates(np.ones((1, 4))).tolist() == [1, 0.01]
    assert ops.rotary_angles(np.array([2]), np.ones((1, 4))).tolist() == [[2, 0.02]]
    assert ops.interleaved(np.array([[1, 3]]), np.array([[2, 4]])).tolist() == [[1, 2, 3, 4]]


def test_targets_of_minus_one_have_no_row():
    targets = np.array([1, -1])
    assert ops.one_hot(targets, np.ones((2, 3))).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert ops.kept_rows(X, targets).tolist() == [[0, 1, 2], [0, 0, 0]]


def test_rows_are_added_or_put_at_their_indices():
    d, n = np.array([[1.0], [2.0], [4.0]]), np.array([2, 0, 2])
    assert ops.added_at(d, n, 3).ravel().tolist() == [2, 0, 5]
    assert ops.put_at(d, n, 3).ravel().tolist() == [2, 0, 4]


def test_softmax_of_large_scores():
    assert ops.softmax(np.array([[5000.0, 5000.0]])).tolist() == [[0.5, 0.5]]
