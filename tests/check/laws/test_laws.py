"""The laws hold inside their domains, break outside of them, and cost linear time."""

import contextlib
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.domain import Feature, InsufficientEvidence, Need
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import LAWS, laws
from tests.support.cases import Case
from tests.support.law_cases import (
    OPTIONS,
    PLAIN,
    again_of,
    arguments_of,
    case,
    evidence_of,
    report_of,
    worst_ratio,
)
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

    @settings(max_examples=settings().max_examples // 4)
    @given(problem=problems(**WHERE.get(number, {})))
    def holds(problem: Case) -> None:
        nonlocal decided
        if number in MASKS:
            problem = problem.but(mask=MASKS[number])
        evidence = evidence_of(problem, d_scores=number == 18)
        if not LAWS[number].undecided(evidence):
            with contextlib.suppress(InsufficientEvidence):
                assert worst_ratio(number, evidence) <= 1
                decided += 1

    holds()
    assert decided >= 3


@for_all(share=0.5)
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
"""Options that bring a call into the domain, before another takes it out again."""

UNFIT = [(26, "a bias that varies along keys"), (26, "a scale that varies along keys"), (26, "dropout")]
"""Options whose columns would be one too few."""

BOUNDARIES = [(n, it.value) for n, law in LAWS.items() for it in law.broken_by if n not in CONCAT]


@pytest.mark.parametrize("number, option", BOUNDARIES)
def test_excluded_options_break_the_law(number: int, option: str) -> None:
    """Otherwise the domain would be too narrow."""
    options = HERE.get(number, {}) | (OPTIONS | BESIDE)[option]
    more = dict(lse=None) if option == "sinks without lse" else {}
    evidence = evidence_of(case(**options), **more)
    assert Feature(option) in evidence.features
    assert option in LAWS[number].undecided(evidence)
    if (number, option) in UNFIT:
        with pytest.raises(ValueError, match="broadcast"):
            worst_ratio(number, evidence)
    else:
        assert worst_ratio(number, evidence) > 1e6


def test_every_excluded_option_is_covered() -> None:
    assert {it for n, it in BOUNDARIES} <= OPTIONS.keys() | BESIDE.keys()


def additive(**spec):
    """Evidence of attention with additive scores, declared as dot products unless `spec` says otherwise."""
    rng = np.random.default_rng(0)
    query, key, value, d_out = rng.standard_normal((4, 3, 5, 5))
    parameters = [rng.standard_normal(shape) for shape in ((7, 5), (7, 5), (7,), (7,))]
    scores, saved_scores = na.additive_scores_forward(query, key, *parameters)
    out, saved = na.attend_forward(scores, value)
    grads = na.attend_backward(d_out, saved)
    first = na.additive_scores_backward(grads.d_scores, saved_scores)
    given = dict(d_query=first.d_query, d_key=first.d_key, d_value=grads.d_value)

    def again(query, key, value, **options):
        return na.attend(na.additive_scores(query, key, *parameters), value, **options)

    known = dict(lse=saved.lse, weights=saved.weights, **spec)
    return Evidence(query, key, value, out, d_out, given, CallSpec(**known), again, 0)


@pytest.mark.parametrize("number", [1, 2, 3, 15, 17, 23])
def test_other_scores_break_the_laws_of_dot_products(number: int) -> None:
    assert Need.DOT_SCORES in LAWS[number].needs
    assert worst_ratio(number, additive()) > 1e6


@pytest.mark.parametrize("number", [4, 5, 6, 10, 11, 16, 22, 24, 26, 28, 30])
def test_the_other_laws_hold_for_any_scores(number: int) -> None:
    evidence = additive(score="other", largest_score=20.0)
    assert not LAWS[number].undecided(evidence)
    assert worst_ratio(number, evidence) <= 1


# --------------------------------------------------------------------------------- the report


def test_laws_are_numbered_and_complete():
    assert list(LAWS) == list(range(1, 31))
    for number, law in LAWS.items():
        assert law.number == number
        assert all((law.name, law.statement, law.proof, law.domain, law.sides.__doc__ or law.name))
        assert str(law).startswith(f"Law {number}: ")
    assert len({law.name for law in LAWS.values()}) == len(LAWS)


def test_numbers_stay_with_their_laws():
    names = {
        1: "a shift of all keys",
        2: "query against key",
        4: "a shift of all values",
        12: "fully masked rows",
    }
    names |= {
        15: "lse between two bounds",
        20: "concat scores rank the keys alike",
        30: "the gradient is the slope",
    }
    assert {number: LAWS[number].name for number in names} == names


def test_the_report_names_law_place_and_reason():
    *first, grads, spec = arguments_of(case(softcap=1.5))
    report = laws(*first, grads | {"d_value": -grads["d_value"]}, spec)
    text = str(report)
    assert "laws: FAIL" in text
    assert "law 5, values against output: [" in text
    assert " is not " in text
    assert "undecided" in text
    assert "law 1: does not hold with softcap" in text
    assert "law 22: needs again" in report.undecided


def test_nothing_to_decide_is_refused():
    query, key, value, *_ = arguments_of(case())
    with pytest.raises(ValueError, match="no law can be decided from these arrays: law 1: needs d_key"):
        laws(query, key, value, None, None)
    with pytest.raises(TypeError, match="spec has 'masks'"):
        laws(query, key, value, None, None, None, dict(masks=None))


def test_again_may_know_less():
    def again(query, key, value, **options):
        if options:
            raise NotImplementedError("no options here")
        return na.attention(query, key, value)

    report = laws(*arguments_of(case()), again=again)
    assert report.ok, str(report)
    assert "law 26: again: no options here" in report.undecided
    assert "law 27: needs lse from again" in report.undecided


def test_the_same_seed_draws_the_same():
    problem = case()
    arguments, again = arguments_of(problem), again_of(problem)
    ratios = [[f.ratio for f in laws(*arguments, again=again, seed=seed).findings] for seed in (0, 0, 1)]
    assert ratios[0] == ratios[1] != ratios[2]


# ------------------------------------------------------------------------------------ cost


def documents(count: int, length: int, width: int):
    """Arguments of `laws` for packed documents, computed one document at a time."""
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
