"""Laws 15 to 21: sampled rows, and concat scores."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import LAWS, laws
from tests.support.law_cases import OPTIONS, arguments_of, case, concat, evidence_of, normal, worst_ratio


def test_weights_and_d_scores_of_some_rows_suffice():
    problem, rows = case(mask=na.causal("bottom_right")), np.array([1, 4])
    whole = arguments_of(problem)
    grads = whole[5] | {"d_scores": whole[5]["d_scores"][..., rows, :]}
    spec = whole[6]._replace(weights=whole[6].weights[..., rows, :], rows=rows)
    report = laws(*whole[:5], grads, spec)
    assert report.ok, str(report)
    assert {"law 16", "law 17", "law 18"} <= {finding.check.split(",")[0] for finding in report.findings}
    wrong = spec._replace(weights=1.01 * spec.weights)
    failures = laws(*whole[:5], grads, wrong).failures
    assert {finding.check for finding in failures} == {"law 16, weights sum to 1"}
    swapped = laws(*whole[:5], grads, spec._replace(rows=rows[::-1]))
    assert not swapped.ok


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_an_lse_outside_its_bounds_breaks_law_15(shift):
    evidence = evidence_of(case())
    assert worst_ratio(15, evidence) <= 1
    assert worst_ratio(15, evidence_of(case(), lse=evidence.call.arrays["lse"] + shift)) > 1e6


def test_a_weight_above_the_softcap_bound_breaks_law_19():
    evidence = evidence_of(case(softcap=0.01))
    assert worst_ratio(19, evidence) <= 1
    assert (
        worst_ratio(19, evidence_of(case(softcap=0.01), weights=1.1 * evidence.call.arrays["weights"])) > 1e6
    )


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "leaky_relu", "identity"])
def test_laws_of_concat_scores_hold(activation: str) -> None:
    for seed in range(5):
        for options in ({}, dict(dropout=na.dropout(seed, 0.3)), dict(bias=normal(1))):
            evidence = Evidence(*concat(activation, seed, **options), None, 0)
            bounded = activation in ("tanh", "sigmoid")
            for number in (19,) * bounded + (20,) + (21,) * (activation == "identity"):
                assert not LAWS[number].undecided(evidence)
                assert worst_ratio(number, evidence) <= 1


@pytest.mark.parametrize(
    "number, option, activation",
    [
        (20, "a mask", "tanh"),
        (20, "a bias that varies along keys", "tanh"),
        (21, "a mask", "identity"),
        (21, "a bias that varies along queries", "identity"),
        (21, "softcap", "identity"),
        (21, "sinks", "identity"),
    ],
)
def test_excluded_options_break_laws_of_concat_scores(number, option, activation) -> None:
    options = OPTIONS[option]
    if option == "a bias that varies along queries":  # one number for each row would still be no difference
        options = dict(bias=normal(5, 7))
    evidence = Evidence(*concat(activation, **options), None, 0)
    assert option in LAWS[number].undecided(evidence)
    assert worst_ratio(number, evidence) > 1e6


@pytest.mark.parametrize("number, activation", [(20, None), (21, "tanh")])
def test_dot_products_and_other_activations_break_the_laws_of_concat_scores(number, activation) -> None:
    evidence = Evidence(*concat(activation), None, 0) if activation else evidence_of(case())
    assert worst_ratio(number, evidence) > 1e6
