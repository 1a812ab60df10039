"""Mistakes in the softmax, by hand: weights (1/2, 1/2), d_weights (1, 3), right d_scores (-1/2, 1/2)."""

import numpy as np
import pytest

from tests.support.fault_problems import TWO_KEYS, changed, drawn, is_active, wrong

D_SCORES = {
    "no-row-sum": (0.5, 1.5),
    "row-mean-for-row-sum": (0, 1),
    "row-sum-added": (1.5, 2.5),
    "row-sum-over-queries": (0.25, 0.75),
    "diagonal-only": (0.25, 0.75),
    "weights-squared": (-0.75, -0.25),
    "softmax-not-undone": (1, 3),
    "divided-by-the-rows": (-0.5, 0.5),  # there is one row
}


@pytest.mark.parametrize("name, d_scores", D_SCORES.items())
def test_d_scores_by_hand(name, d_scores):
    np.testing.assert_allclose(wrong(name, *TWO_KEYS)["d_key"][:, 0], d_scores)


@pytest.mark.parametrize("name", D_SCORES)
def test_backward_faults_change_d_query_and_d_key_alone(name):
    assert changed(name, *drawn(1, 1, 2, 3, 4, 2)) == {"d_query", "d_key"}


@pytest.mark.parametrize("name", ["row-mean-for-row-sum", "diagonal-only", "weights-squared"])
def test_one_key_hides_the_row_sum(name):
    arrays = drawn(1, 1, 3, 1, 4, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)


def test_one_row_hides_the_division_by_the_rows():
    assert not is_active("divided-by-the-rows", *TWO_KEYS)


def test_softmax_over_queries_normalises_columns():
    weights = wrong("softmax-over-queries", *drawn(1, 1, 2, 3, 4, 2))["weights"]
    np.testing.assert_allclose(weights.sum(axis=-2), 1)


def test_a_rounded_output_moves_delta_a_little():
    """out = 1.001 rounds to 1 in bfloat16: the row sum loses 0.001, half of it in each d_score."""
    query, key, _, d_out = TWO_KEYS
    value = np.array([[1.0], [1.002]])
    d_scores = wrong("delta-from-rounded-output", query, key, value, d_out)["d_key"][:, 0]
    np.testing.assert_allclose(d_scores, np.array([-0.0005, 0.0005]) + 0.5 * 0.001, atol=1e-12)


def test_delta_before_dropout_needs_dropout():
    dropout = np.array([[2.0, 0.0]])
    assert changed("delta-before-dropout", *TWO_KEYS, dropout=dropout) == {"d_key"}
    assert not is_active("delta-before-dropout", *TWO_KEYS)


def test_two_mistakes_together():
    """Only the diagonal, weights (1 - weights) d_weights = (1/4, 3/4), and no scale of 2."""
    query, key, value, d_out = TWO_KEYS
    d_key = wrong("diagonal-only-and-unscaled", query, key, value, d_out, scale=2.0)["d_key"][:, 0]
    assert tuple(d_key) == (0.25, 0.75)


def test_a_batch_of_one_is_squeezed():
    one, two = ([np.stack([x] * n) for x in drawn(1, 1, 2, 3, 4, 2)] for n in (1, 2))
    assert changed("batch-of-one-squeezed", *one) == {"d_query", "d_key"}
    assert not changed("batch-of-one-squeezed", *two)
    assert is_active("batch-of-one-squeezed", *one)
    assert not is_active("batch-of-one-squeezed", *two)
