"""Sampled rows: recomputed, they are the rows of the call."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.row_samples import SampledRows
from tests.support.law_cases import PLAIN, H, L, S, case, d_scores_of, evidence_of


@pytest.mark.parametrize(
    "name", ["nothing", "d_lse", "causal", "scale", "a bias and d_lse", "sinks, d_lse and dropout"]
)
def test_recomputed_rows_are_those_of_the_call(name):
    problem = case(**PLAIN[name])
    call, (_, saved) = evidence_of(problem).call, problem.forward()
    rows = SampledRows(call, np.array([0, 3]))
    np.testing.assert_allclose(rows.weights, call.grouped(saved.weights, 2)[..., [0, 3], :], atol=1e-15)
    d_scores = rows.weights * (rows.d - rows.mean + rows.of(call.d_lse)[..., None]) * rows.slope
    expected = call.grouped(d_scores_of(problem, saved), 2)[..., [0, 3], :]
    np.testing.assert_allclose(d_scores, expected, atol=1e-14)


def test_visible_bias_and_multipliers_of_single_rows():
    options = dict(mask=na.causal("bottom_right"), bias=na.alibi(np.linspace(0.5, 2, H), "top_left"),
                   dropout=na.dropout(seed=3, rate=0.4))  # fmt: skip
    rows = SampledRows(evidence_of(case(**options)).call, np.array([1, 4]))
    assert (rows.visible[0, 0] == options["mask"].array(L, S)[[1, 4]]).all()
    assert rows.bias.shape[-2:] == (2, S)
    assert set(np.unique(rows.multipliers).round(6)) == {0.0, round(1 / 0.6, 6)}


def test_at_most_sixteen_rows_are_sampled_both_ends_among_them():
    sample = evidence_of(case(L=100)).rows.indices
    assert (len(sample), sample[0], sample[-1]) == (16, 0, 99)
    assert evidence_of(case()).rows.indices.tolist() == list(range(L))
    assert not len(evidence_of(case(L=0)).rows)
