"""The laws hold inside their domains, break outside of them, and cost what they say they cost."""

import contextlib
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.evidence import Evidence, InsufficientEvidence
from numpy_attention.check.laws.laws import LAWS, laws
from tests.support.cases import Case
from tests.support.law_cases import OPTIONS, PLAIN, case, concat, evidence_of, miss, normal, report_of
from tests.support.strategies import for_all, problems

# -------------------------------------------------------------------------------------- in the domain

DRAWN = ("sinks", "dropout", "multipliers")
WHERE = {
    1: dict(without=("softcap", "array scale")),
    7: dict(having=("array scale",)),
    8: dict(having=("bias",)),
    9: dict(having=("sinks",), without=("d_weights",)),
    12: dict(having=("mask",)),
    13: dict(having=("mask",)),
    14: dict(without=DRAWN),
    18: dict(without=("softcap",)),
    19: dict(having=("softcap",), without=("bias",)),
    23: dict(without=("softcap", "sinks", "array scale")),
    24: dict(without=("mask", "dropout")),
    25: dict(without=("dropout",)),
    26: dict(without=("mask", "bias", "array scale", "dropout", "multipliers")),
    27: dict(without=("mask", "sinks", "dropout")),
    28: dict(without=("mask", "dropout")),
    29: dict(having=("grouped heads",)),
    30: dict(without=("d_weights",)),
}
MASKS = {12: na.causal(offset=-1), 14: na.window(0, 0, "top_left"), 25: na.causal("bottom_right")}
CONCAT = (20, 21)


@pytest.mark.parametrize("number", [number for number in LAWS if number not in CONCAT])
def test_a_law_holds_in_its_domain(number: int) -> None:
    decided = 0

    @settings(max_examples=settings().max_examples // 2)
    @given(problem=problems(**WHERE.get(number, {})))
    def holds(problem: Case) -> None:
        nonlocal decided
        if number in MASKS:
            problem = problem.but(mask=MASKS[number])
        evidence = evidence_of(problem, d_scores=number == 18)
        if not LAWS[number].undecided(evidence):
            with contextlib.suppress(InsufficientEvidence):
                assert miss(number, evidence) <= 1
                decided += 1

    holds()
    assert decided >= 5


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "leaky_relu", "identity"])
def test_the_laws_of_concat_scores_hold(activation: str) -> None:
    for seed in range(20):
        for options in ({}, dict(dropout=na.dropout(seed, 0.3)), dict(bias=normal(1))):
            evidence = Evidence(*concat(activation, seed, **options), None, 0)
            bounded = activation in ("tanh", "sigmoid")
            for number in (19,) * bounded + (20,) + (21,) * (activation == "identity"):
                assert not LAWS[number].undecided(evidence)
                assert miss(number, evidence) <= 1


@for_all()
def test_every_law_that_is_decided_holds(case):
    report = report_of(case, d_scores=False)
    assert report.ok, str(report)
    named = {int(finding.check.split()[1].rstrip(",")) for finding in report.findings}
    left = {int(reason.split()[1].rstrip(":")) for reason in report.undecided}
    assert named | left == set(LAWS)


# ------------------------------------------------------------------------------------ out of the domain

BESIDE = {
    "sinks without lse": OPTIONS["sinks"],
    "sinks and d_weights": OPTIONS["sinks"] | OPTIONS["d_weights"],
}
HERE = {
    9: OPTIONS["sinks"],
    14: PLAIN["rows with one visible key"],
    19: dict(softcap=0.5),
    25: OPTIONS["a mask"],
}
"""What brings a call into the domain, before the option takes it out again."""

UNFIT = [(26, "a bias that varies along keys"), (26, "a scale that varies along keys"), (26, "dropout")]
"""Columns that there would be one too few of."""

BOUNDARIES = [(n, it) for n, law in LAWS.items() for it in law.broken_by if n not in CONCAT]


@pytest.mark.parametrize("number, option", BOUNDARIES)
def test_what_a_law_excludes_breaks_it(number: int, option: str) -> None:
    """Else the domain would be too narrow."""
    options = HERE.get(number, {}) | (OPTIONS | BESIDE)[option]
    more = dict(lse=None) if option == "sinks without lse" else {}
    evidence = evidence_of(case(**options), **more)
    assert option in evidence.features
    assert option in LAWS[number].undecided(evidence)
    if (number, option) in UNFIT:
        with pytest.raises(ValueError, match="broadcast"):
            miss(number, evidence)
    else:
        assert miss(number, evidence) > 1e6


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
def test_what_a_law_of_concat_scores_excludes_breaks_it(number, option, activation) -> None:
    options = OPTIONS[option]
    if option == "a bias that varies along queries":  # one number for each row would still be no difference
        options = dict(bias=normal(5, 7))
    evidence = Evidence(*concat(activation, **options), None, 0)
    assert option in LAWS[number].undecided(evidence)
    assert miss(number, evidence) > 1e6


def test_every_excluded_option_was_tried() -> None:
    assert {it for n, it in BOUNDARIES} <= OPTIONS.keys() | BESIDE.keys()


def additive(seed=0):
    """The arguments of `laws` for additive scores, told to be dot products."""
    rng = np.random.default_rng(seed)
    query, key, value, d_out = rng.standard_normal((4, 3, 5, 5))
    parameters = [rng.standard_normal(shape) for shape in ((7, 5), (7, 5), (7,), (7,))]
    scores, saved_scores = na.additive_scores_forward(query, key, *parameters)
    out, saved = na.attend_forward(scores, value)
    grads = na.attend_backward(d_out, saved)
    first = na.additive_scores_backward(grads.d_scores, saved_scores)
    given = dict(d_query=first.d_query, d_key=first.d_key, d_value=grads.d_value)

    def again(query, key, value, **options):
        return na.attend(na.additive_scores(query, key, *parameters), value, **options)

    known = dict(lse=saved.lse, weights=saved.weights)
    return Evidence(query, key, value, out, d_out, given, CallSpec(**known), again, 0)


@pytest.mark.parametrize("number", [1, 2, 3, 15, 17, 23])
def test_other_scores_break_the_laws_of_dot_products(number: int) -> None:
    assert "dot scores" in LAWS[number].needs
    assert miss(number, additive()) > 1e6


@pytest.mark.parametrize("number", [4, 5, 6, 10, 11, 16, 22, 24, 26, 28, 30])
def test_the_other_laws_hold_for_any_scores(number: int) -> None:
    evidence = additive()
    evidence.spec = evidence.spec._replace(score="other", largest_score=20.0)
    assert not LAWS[number].undecided(evidence)
    assert miss(number, evidence) <= 1


@pytest.mark.parametrize("number, activation", [(20, None), (21, "tanh")])
def test_dot_products_and_other_activations_break_the_laws_of_concat_scores(number, activation) -> None:
    evidence = Evidence(*concat(activation), None, 0) if activation else evidence_of(case())
    assert miss(number, evidence) > 1e6


def test_no_look_ahead_needs_a_causal_mask() -> None:
    evidence = evidence_of(case(mask=na.window(2, 1, "top_left")))
    assert "look-ahead" in LAWS[25].undecided(evidence)
    assert miss(25, evidence) > 1e6


# ------------------------------------------------------------------------------------ what it costs


def documents(count: int, length: int, width: int):
    """Attention over many documents in a row, worked out one by one: the arguments of `laws`."""
    query, key, value, d_out = np.random.default_rng(0).standard_normal((4, count, 1, length, width))
    out, saved = na.attention_forward(query, key, value)
    grads = na.attention_backward(d_out, saved)
    arrays = (query, key, value, out, d_out, grads.d_query, grads.d_key, grads.d_value)
    *first, d_query, d_key, d_value = [x.reshape(count * length, width) for x in arrays]
    ids = np.repeat(np.arange(count), length)
    spec = CallSpec(mask=na.segments(ids, ids), lse=saved.lse.reshape(-1))
    return *first, dict(d_query=d_query, d_key=d_key, d_value=d_value), spec


def test_laws_cost_linear_time_and_memory() -> None:
    arguments = documents(256, 64, 8)
    pairs = 16_384**2
    tracemalloc.start()
    start = time.perf_counter()
    report = laws(*arguments)
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.ok, str(report)
    assert len(report.findings) >= 10
    assert seconds < 10  # a quarter of a second on an idle core
    assert peak < pairs / 4  # bytes; booleans for all pairs would be four times as much
