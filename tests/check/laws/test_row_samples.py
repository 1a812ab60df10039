"""Sampled rows: recomputed, they are the rows of the call."""

import numpy as np
import pytest

import numpy_attention as na
from tests.support.law_cases import PLAIN, H, L, S, case, d_scores_of, evidence_of


@pytest.mark.parametrize(
    "name", ["nothing", "d_lse", "causal", "scale", "a bias and d_lse", "sinks, d_lse and dropout"]
)
def test_recomputed_rows_are_those_of_the_call(name):
    problem = case(**PLAIN[name])
    e, (_, saved) = evidence_of(problem), problem.forward()
    rows = np.array([0, 3])
    got = e.recomputed(rows)
    np.testing.assert_allclose(got.weights, e.grouped(saved.weights, 2)[..., rows, :], atol=1e-15)
    d_scores = got.weights * (got.d - got.mean + e.at_rows(rows, e.d_lse)[..., None]) * got.slope
    expected = e.grouped(d_scores_of(problem, saved), 2)[..., rows, :]
    np.testing.assert_allclose(d_scores, expected, atol=1e-14)


def test_visible_bias_and_multipliers_of_single_rows():
    options = dict(mask=na.causal("bottom_right"), bias=na.alibi(np.linspace(0.5, 2, H), "top_left"),
                   dropout=na.dropout(seed=3, rate=0.4))  # fmt: skip
    e, rows = evidence_of(case(**options)), np.array([1, 4])
    assert (e.visible_at(rows)[0, 0] == options["mask"].array(L, S)[rows]).all()
    assert e.bias_at(rows).shape[-2:] == (2, S)
    assert set(np.unique(e.multipliers_at(rows)).round(6)) == {0.0, round(1 / 0.6, 6)}


def test_at_most_sixteen_rows_are_sampled_both_ends_among_them():
    sample = evidence_of(case(L=100)).sample
    assert (len(sample), sample[0], sample[-1]) == (16, 0, 99)
    assert evidence_of(case()).sample.tolist() == list(range(L))
    assert not len(evidence_of(case(L=0)).sample)
