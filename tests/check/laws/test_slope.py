"""Law 30: the slope of the output by finite differences."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.domain import InsufficientEvidence
from numpy_attention.check.laws.evidence import Evidence
from tests.support.law_cases import H, S, again_of, arguments_of, case, normal, worst_ratio


@pytest.mark.parametrize("name", ["query", "key", "bias", "scale", "sinks"])
def test_one_common_factor_in_all_gradients_breaks_law_30(name):
    """No other law of a single argument detects it."""
    options = dict(bias=normal(H, 1, S), scale=np.array(0.7), sinks=normal(H))
    *first, grads, spec = arguments_of(problem := case(**options))
    again = again_of(problem)
    only = {f"d_{name}": grads[f"d_{name}"]}
    assert worst_ratio(30, Evidence(*first, only, spec, again, 0)) <= 1
    halved = {name: x / 2 for name, x in only.items()}
    assert worst_ratio(30, Evidence(*first, halved, spec, again, 0)) > 100


def test_a_forgotten_softcap_derivative_breaks_law_30():
    capped = case(softcap=0.5)
    *first, _, spec = arguments_of(capped)
    wrong = na.STEPS._replace(softcap=na.Pair(na.STEPS.softcap.forward, lambda d, saved: d))
    forward, backward = na.attention_with(wrong)
    _, saved = forward(capped.query, capped.key, capped.value, softcap=0.5)
    grads = backward(capped.d_out, saved)
    assert worst_ratio(30, Evidence(*first, grads, spec, again_of(capped), 0)) > 100


def test_a_step_that_overflows_float16_decides_nothing():
    x, key = np.full((2, 1), 65504, np.float16), np.full((2, 1), 1e-3, np.float16)
    evidence = Evidence(x, key, x, x, x, {"d_query": np.ones((2, 1))}, CallSpec(), lambda *a, **options: x, 0)
    with pytest.raises(InsufficientEvidence, match="the step overflows float16"):
        worst_ratio(30, evidence)
