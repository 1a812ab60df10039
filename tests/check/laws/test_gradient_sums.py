"""Laws 1 to 10 on small calls: each detects a wrong gradient of its own."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import LAWS, laws
from tests.support.law_cases import OPTIONS, B, H, L, S, arguments_of, case, normal, worst_ratio


def test_laws_1_and_4_by_hand():
    """Two equal keys and d_out = 1: d_key = ±(v_1 - v_2)/4, d_value = 1/2 each."""
    query, key, value, d_out = np.ones((1, 1)), np.ones((2, 1)), np.array([[3.0], [1.0]]), np.ones((1, 1))
    out, saved = na.attention_forward(query, key, value)
    grads = na.attention_backward(d_out, saved)
    assert grads.d_key.ravel().tolist() == [0.5, -0.5]
    assert grads.d_value.ravel().tolist() == [0.5, 0.5]
    report = laws(query, key, value, out, d_out, grads)
    assert {finding.check.split(",")[0] for finding in report.findings} >= {"law 1", "law 4"}
    assert report.ok


ALL = dict(
    d_lse=normal(B, H, L),
    bias=normal(H, 1, S),
    scale=lambda rng: rng.uniform(0.5, 2, (H, L, 1)),
    sinks=normal(H),
)


@pytest.mark.parametrize(
    "number, name",
    [(1, "d_key"), (2, "d_query"), (2, "d_key"), (3, "d_key"), (4, "d_value"), (5, "d_value"), (6, "d_value"),
     (7, "d_scale"), (7, "d_query"), (8, "d_bias"), (8, "d_sinks"), (9, "d_sinks")],
)  # fmt: skip
def test_a_doubled_gradient_breaks_its_laws(number, name):
    *first, grads, spec = arguments_of(case(**ALL))
    right = Evidence(*first, grads, spec, None, 0)
    assert not LAWS[number].undecided(right)
    assert worst_ratio(number, right) <= 1
    wrong = Evidence(*first, grads | {name: 2 * grads[name]}, spec, None, 0)
    assert worst_ratio(number, wrong) > 1e6


def test_d_value_beyond_d_out_breaks_law_10():
    *first, grads, spec = arguments_of(case(**OPTIONS["dropout"]))
    assert worst_ratio(10, Evidence(*first, grads, spec, None, 0)) <= 1
    large = Evidence(*first, grads | {"d_value": 100 * grads["d_value"]}, spec, None, 0)
    assert worst_ratio(10, large) > 1e6


def test_a_table_gradient_that_is_wrong_breaks_law_8():
    table = na.relative(np.zeros((H, 4)), np.arange(L * S).reshape(L, S) % 4)
    *first, grads, spec = arguments_of(case(bias=table, d_lse=normal(B, H, L)))
    half = grads["d_bias"]._replace(d_table=grads["d_bias"].d_table / 2)
    failures = laws(*first, grads | {"d_bias": half}, spec).failures
    assert [finding.check for finding in failures] == ["law 8, a bias constant along a row"]


def test_gradients_that_leak_nan_break_laws():
    *first, grads, spec = arguments_of(case(mask=na.padding([0, 5])))
    spoiled = grads["d_key"].copy()
    spoiled[..., -1, 0] = np.nan
    failures = laws(*first, grads | {"d_key": spoiled}, spec).failures
    assert {finding.check.split(",")[0] for finding in failures} == {"law 1", "law 2", "law 3", "law 13"}
    assert all(np.isnan(finding.ratio) or finding.ratio == np.inf for finding in failures)
