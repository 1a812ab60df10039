"""Laws 22 to 29: a second call that is wrong in one respect breaks the law about it."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import LAWS
from tests.support.law_cases import arguments_of, case, evidence_of, worst_ratio


def test_no_look_ahead_needs_a_causal_mask() -> None:
    evidence = evidence_of(case(mask=na.window(2, 1, "top_left")))
    assert "look-ahead" in LAWS[25].undecided(evidence)
    assert worst_ratio(25, evidence) > 1e6


def wrong_again(change):
    """Attention whose arguments pass through `change` first."""

    def again(query, key, value, **options):
        arguments = dict(query=query, key=key, value=value, **options)
        out, saved = na.attention_forward(**(arguments | change(arguments)))
        return out, saved.lse

    return again


FAULTS = dict(
    key=lambda a: {"key": a["key"] ** 2},
    value=lambda a: {"value": a["value"] ** 2},
    order=lambda a: {"value": a["value"] * np.arange(1, a["value"].shape[-2] + 1)[:, None]},
    rows=lambda a: {"query": a["query"] * np.arange(1, a["query"].shape[-2] + 1)[:, None]},
    mask=lambda a: {"mask": None},
    length=lambda a: {"scale": 1.0 / a["key"].shape[-2]},
    heads=lambda a: {
        "query": a["query"]
        * np.arange(1, a["key"].shape[-3] + 1).repeat(a["query"].shape[-3] // a["key"].shape[-3])[
            :, None, None
        ]
    },
)
CASES = [(22, "value"), (23, "key"), (24, "order"), (26, "mask"), (27, "length"), (28, "rows"), (29, "heads")]


@pytest.mark.parametrize("number, fault", CASES)
def test_a_wrong_second_call_breaks_the_law(number, fault):
    again = wrong_again(FAULTS[fault])
    problem = case()
    query, key, value, _, d_out, grads, spec = arguments_of(problem)
    out, lse = again(query, key, value)
    wrong = Evidence(query, key, value, out, d_out, None, spec._replace(lse=lse, weights=None), again, 0)
    assert not LAWS[number].undecided(wrong)
    assert worst_ratio(number, evidence_of(problem)) <= 1
    assert worst_ratio(number, wrong) > 1e3
