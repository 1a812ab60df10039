"""Evidence: features in use, reasons for what is missing, errors of sums, and second calls."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.domain import Feature, Need
from numpy_attention.check.laws.laws import laws
from tests.support.law_cases import OPTIONS, PLAIN, H, arguments_of, case, d_scores_of, evidence_of, normal


def test_features_are_named_as_laws_name_them():
    assert evidence_of(case()).features == frozenset()
    for name, options in OPTIONS.items():
        assert Feature(name) in evidence_of(case(**options)).features, name
    assert Feature.SINKS_WITHOUT_LSE in evidence_of(case(sinks=normal(H)), lse=None).features


def test_missing_gives_the_reason():
    evidence = evidence_of(case())
    assert evidence.missing(Need.LSE) == ""
    assert evidence.missing(Need.D_BIAS) == "needs d_bias"
    assert evidence.missing(Need.MASKED_ROW) == "needs a fully masked row"
    assert evidence_of(case(mask=na.causal(offset=-1))).missing(Need.MASKED_ROW) == ""
    assert evidence.missing(Need.CONCAT_SCORES) == "needs concat scores"


@pytest.mark.parametrize("name", ["nothing", "d_lse", "sinks, d_lse and dropout", "a fully masked row"])
def test_row_sums_are_those_of_d_scores(name):
    problem = case(**PLAIN[name])
    call = evidence_of(problem).call
    d_scores = call.grouped(d_scores_of(problem, problem.forward()[1]), 2)
    np.testing.assert_allclose(call.all_rows(call.row_sums), d_scores.sum(axis=-1), atol=1e-14)


def test_sampled_rows_only_tighten_the_bounds():
    evidence = evidence_of(case(L=40, S=50))
    bounds = evidence.bounds
    assert (evidence.out_error <= bounds.weight_error).all()
    tightened = bounds.error_at(evidence.measured.d_rows)
    assert (tightened <= bounds.d_error).all()
    assert tightened.max() < bounds.d_error.max() / 2
    assert (bounds.mass_at(0.5) == 0.5 * bounds.d_size).all()


def test_float16_overflow_leaves_laws_undecided():
    *first, grads, spec = arguments_of(case())
    big = grads["d_key"].astype(np.float16)
    big[..., 0, 0] = np.inf
    report = laws(*first, grads | {"d_key": big}, spec)
    assert report.ok
    assert "law 1: d_key overflows float16" in report.undecided
