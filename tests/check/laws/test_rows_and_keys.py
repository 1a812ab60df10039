"""Laws 11 to 14: single rows and keys, and the values that break each."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import laws
from tests.support.law_cases import H, arguments_of, case, worst_ratio


def with_out(change, **options):
    *first, out, d_out, grads, spec = arguments_of(case(**options))
    out = out.copy()
    change(out)
    return Evidence(*first, out, d_out, grads, spec, None, 0)


def test_an_output_above_all_values_breaks_law_11():
    assert worst_ratio(11, with_out(lambda out: None)) <= 1
    assert worst_ratio(11, with_out(lambda out: out.__setitem__((0, 0, 0), 100.0))) > 1e6


def test_the_first_causal_row_is_the_first_value():
    causal = dict(mask=na.causal("top_left"))
    assert worst_ratio(14, with_out(lambda out: None, **causal)) <= 1
    assert worst_ratio(14, with_out(lambda out: np.add(out, 1e-9, out=out), **causal)) > 1e3


@pytest.mark.parametrize("name", ["d_key", "d_value"])
def test_a_gradient_at_a_fully_masked_key_breaks_law_13(name):
    *first, grads, spec = arguments_of(case(mask=na.padding([5, 5])))
    wrong = grads[name].copy()
    wrong[..., -1, :] = 1e-300
    assert worst_ratio(13, Evidence(*first, grads, spec, None, 0)) == 0
    assert worst_ratio(13, Evidence(*first, grads | {name: wrong}, spec, None, 0)) > 1e300


def test_other_conventions_for_fully_masked_rows_break_law_12():
    problem = case(mask=na.causal(offset=-1))
    query, key, value, out, d_out, grads, spec = arguments_of(problem)
    mean = out.copy()
    mean[..., 0, :] = np.repeat(value.mean(axis=-2), H // 3, axis=-2)
    failures = laws(query, key, value, mean, d_out, grads, spec).failures
    assert "law 12, fully masked rows" in {finding.check for finding in failures}
    lse = np.where(np.isneginf(spec.lse), np.inf, spec.lse)
    failures = laws(query, key, value, out, d_out, grads, spec._replace(lse=lse)).failures
    assert [(f.check, f.gradient) for f in failures] == [("law 12, fully masked rows", "lse")]
