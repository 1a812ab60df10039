"""Bounds: every bound is above what it bounds, and not far above."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.rounding.error_analysis import BFLOAT16, FLOAT32
from tests.support.law_cases import PLAIN, H, case, d_scores_of, evidence_of, normal


@pytest.mark.parametrize("name", ["nothing", "d_lse", "scale", "causal", "sinks, d_lse and dropout"])
def test_bounds_are_above_the_numbers_of_the_call(name):
    problem = case(**PLAIN[name])
    e, (_, saved) = evidence_of(problem), problem.forward()
    scores = np.abs(e.call.grouped(saved.scores, 2)).max(axis=-1)
    mass = np.abs(e.call.grouped(d_scores_of(problem, saved), 2)).sum(axis=-1)
    for size, bound in ((scores, e.bounds.score_size), (mass, e.bounds.d_size)):
        assert (size <= e.call.all_rows(bound) * (1 + 1e-12)).all()
        assert size.max() > 0.1 * bound.max()


def test_lengths_by_hand():
    query, key = np.array([[3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    value = np.array([[5.0], [-7.0]])
    spec = CallSpec(scale=0.5, bias=np.array([[-9.0, 1.0]]))
    bounds = Evidence(query, key, value, None, None, None, spec, None, 0).bounds
    assert (bounds.reach.item(), bounds.key_norm.item(), bounds.value_norm.item()) == (0.5, 2.0, 7.0)
    assert bounds.score_size.item() == 0.5 * 5 * 2
    assert bounds.bias_size == 9.0
    assert bounds.largest_values.item() == 7.0


def test_masked_keys_do_not_count():
    key = np.array([[1.0], [100.0]])
    spec = CallSpec(mask=na.prefix(1))
    assert Evidence(np.ones((1, 1)), key, key, None, None, None, spec, None, 0).bounds.key_norm.item() == 1.0


def test_a_row_with_only_a_sink_is_alive():
    masked = dict(mask=na.causal(offset=-1))
    assert not evidence_of(case(**masked)).call.alive[..., 0].any()
    assert evidence_of(case(**masked, sinks=normal(H))).call.alive.all()


def test_precision_is_that_of_the_dtype_or_the_storage():
    double = evidence_of(case()).bounds
    assert (double.arithmetic.u, double.storage.u) == (2.0**-53, 2.0**-53)
    single = evidence_of(case(), precision=FLOAT32, storage=BFLOAT16).bounds
    assert (single.arithmetic.u, single.storage.u) == (2.0**-24, 2.0**-8)
    assert single.precision_of("out").u == 2.0**-8
