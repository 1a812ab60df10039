"""Step laws: each applies somewhere, holds there, can fail, and fails with the options that exclude it."""

from dataclasses import replace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS
from numpy_attention.check.laws.law import Law, Sides
from numpy_attention.check.laws.laws import LAWS as ALL_LAWS
from numpy_attention.functional.scores.concat import ACTIVATIONS
from numpy_attention.study.example import SCORES, build_example
from numpy_attention.study.law_results import LawResult, check_step_laws
from numpy_attention.study.score_step import score_pair
from numpy_attention.study.step_laws import D_LSE, DOWN, UP
from numpy_attention.study.trace import trace_attention

POSITIVE = [[1.0, 3.0, 0.5], [2.0, 0.25, 1.5], [0.5, 1.25, 4.0]]
CLOSE = [[1.0, 1.25], [1.25, 1.0], [1.125, 1.0]]
GIVEN = (None, POSITIVE, CLOSE, [[-1.0, -1.25], [-1.25, -1.0], [-1.125, -1.0]])
ON = {"mask": {"causal": True}, "softcap": {"softcap": 0.5}, "bias": {"bias": True}, "sinks": {"sinks": 1.0}}
ON |= {"dropout": {"dropout": 0.5}, D_LSE: {"lse": True}} | {score: {"score": score} for score in SCORES}
ON |= {activation: {"score": "concat", "activation": activation} for activation in ACTIVATIONS}
ALL = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}
EVERY = [(step, law) for laws in (DOWN, UP) for step in laws for law in laws[step]]


def same_tokens(tokens, score="dot"):
    """Arrays of `build_example` in which query, key and value are the same tokens."""
    names = ["tokens"] if SCORES[score].on_tokens else ["query", "key", "value"]
    return None if tokens is None else dict.fromkeys(names, tokens)


def traced_example(step, law, tokens=None, fully_masked=False, **options):
    """A trace to which the law applies."""
    needed = {"causal": False} | ON.get(step, {})
    for need in law.needs:
        needed |= ON[need.split(" or ")[0]]
    options = needed | options
    built = build_example(same_tokens(tokens, options.get("score", "dot")), **options)
    if fully_masked:
        rows = np.zeros((len(built.query), len(built.key)), dtype=bool)
        rows[0] = True
        built = built._replace(options=built.options | {"mask": na.hidden(rows)})
    return trace_attention(built, STEPS._replace(score=score_pair(built, STEPS)))


def result(law, trace, **changed):
    evidence = trace.evidence()
    with np.errstate(all="ignore"):
        evidence = replace(evidence, arrays=evidence.arrays | changed, magnitude=10.0)
        (checked,) = check_step_laws((law,), evidence)
    return checked


LAWS = [pytest.param(step, law, id=f"{step}: {law.statement} {law.needs}") for step, law in EVERY]


@pytest.mark.parametrize("step, law", LAWS)
def test_each_law_applies_and_holds(step, law):
    assert isinstance(law, Law)
    for tokens in GIVEN:
        trace = traced_example(step, law, tokens)
        assert law.undecided(trace.evidence()) == ""
        checked = result(law, trace)
        assert checked.excluded_by == []
        assert checked.deviation <= checked.sides.allowed < 1e-9


@pytest.mark.parametrize("step, law", LAWS)
def test_each_law_can_fail(step, law):
    """No law holds when every computed array is perturbed."""
    trace = traced_example(step, law)
    rng = np.random.default_rng(5)
    given = {"query", "key", "value", "d_out", "d_lse", "visible", "scale", "sinks", "bias"}
    changed = {
        name: x + 10 * rng.standard_normal(x.shape)
        for name, x in trace.evidence().arrays.items()
        if name not in given and np.isfinite(x).all() and not (name.startswith("score.") and "d_" not in name)
    }
    if "masked" in law.statement and step == "mask":
        changed["masked"] = np.zeros(trace.saved.weights.shape)
    assert not result(law, trace, **changed).ok


BREAKERS = [
    pytest.param(step, law, broken, id=f"{step}: {law.statement} {law.needs} with {broken}")
    for step, law in EVERY
    for broken in law.broken_by
]


@pytest.mark.parametrize("step, law, broken", BREAKERS)
def test_excluding_options_do_break_the_law(step, law, broken):
    options = {} if broken == "fully masked rows" else ON[broken]
    tried = [traced_example(step, law, tokens, broken == "fully masked rows", **options) for tokens in GIVEN]
    checked = [result(law, trace) for trace in tried]
    assert all(broken in each.excluded_by and each.ok for each in checked)
    assert any(not each.deviation <= each.sides.allowed for each in checked)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_concat_ranking_law_holds_for_every_activation(activation):
    for options in ({}, ALL):
        built = build_example({"tokens": POSITIVE}, score="concat", activation=activation, **options)
        trace = trace_attention(built, STEPS._replace(score=score_pair(built, STEPS)))
        (law,) = [law for _, law in EVERY if law.number == 20]
        assert result(law, trace).ok


def test_nan_breaks_a_law():
    sides = Sides("out", np.array([np.nan]), np.zeros(1), np.ones(()))
    assert not LawResult(DOWN["values"][0], sides, []).ok


def test_numbers_refer_to_the_general_laws() -> None:
    numbered = [law for _, law in EVERY if law.number]
    assert all(law.name == ALL_LAWS[law.number].name for law in numbered)
    assert {law.number for law in numbered} == {1, 2, 4, 5, 7, 11, 16, 17, 18, 19, 20, 21}
    words = {1: "d_key", 4: "d_value", 11: "value", 16: "weights", 18: "d_scores"}
    for number, word in words.items():
        assert word in ALL_LAWS[number].statement
        assert all(word in law.statement or number == 11 for law in numbered if law.number == number)
