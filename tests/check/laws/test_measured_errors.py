"""Measured errors: ratios of sampled rows to the bounds."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.measured_errors import MeasuredErrors, measure_errors
from numpy_attention.check.rounding.error_analysis import FLOAT32, FLOAT64
from tests.support.law_cases import L, S, arguments_of, case, d_scores_of, evidence_of


def measured(evidence):
    return measure_errors(evidence.call, evidence.bounds)


def test_without_d_out_nothing_is_measured():
    query, key, value, out, *_ = arguments_of(case())
    from_defaults = Evidence(query, key, value, out, None, None, CallSpec(), None, 0)
    assert measured(from_defaults) == MeasuredErrors()


def test_fully_masked_rows_are_not_measured():
    hidden = na.hidden(np.ones((L, S), dtype=bool))
    assert measured(evidence_of(case(mask=hidden))) == MeasuredErrors()


def test_measured_sums_are_twice_those_of_the_rows():
    """All rows are sampled here, so the largest ratio of Σ |d_scores| to its bound is known."""
    problem = case()
    e = evidence_of(problem)
    d_scores = np.abs(e.call.grouped(d_scores_of(problem, problem.forward()[1]), 2))
    m = measured(e)
    assert m.of_d_rows == pytest.approx(2 * (d_scores.sum(axis=-1) / e.bounds.d_size).max())
    lengths = np.linalg.norm(e.call.key, axis=-1)[..., None, :]
    ratio = (d_scores * lengths).sum(axis=-1) / (e.bounds.d_size * lengths.max(axis=-1))
    assert m.of_d_lengths == pytest.approx(2 * ratio.max())


def test_errors_scale_with_the_roundoff_and_stay_below_the_bounds():
    problem = case(L=30, S=60)
    single, double = (measured(evidence_of(problem, precision=p, storage=p)) for p in (FLOAT32, FLOAT64))
    for name in ("weights", "means", "d_rows", "d_lengths", "d_parts"):
        assert getattr(single, name) == pytest.approx(2**29 * getattr(double, name), rel=1e-3)
    bounds = evidence_of(problem, precision=FLOAT32, storage=FLOAT32).bounds
    assert single.d_rows < (bounds.d_error / bounds.d_size).max()
