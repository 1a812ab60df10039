"""Laws: each is in force somewhere, holds there, can fail, and is truly broken by what it names."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS
from numpy_attention.check.laws.laws import LAWS as ALL_LAWS
from numpy_attention.functional.scores.concat import ACTIVATIONS
from numpy_attention.study.example import example
from numpy_attention.study.score_step import pair_of
from numpy_attention.study.step_laws import DOWN, UP, Verdict, _verdict
from numpy_attention.study.trace import scene

POSITIVE = {"tokens": [[1.0, 3.0, 0.5], [2.0, 0.25, 1.5], [0.5, 1.25, 4.0]]}
CLOSE = {"tokens": [[1.0, 1.25], [1.25, 1.0], [1.125, 1.0]]}
GIVEN = (None, POSITIVE, CLOSE, {"tokens": [[-1.0, -1.25], [-1.25, -1.0], [-1.125, -1.0]]})
ON = {"mask": {"causal": True}, "softcap": {"softcap": 0.5}, "bias": {"bias": True}, "sinks": {"sinks": 1.0}}
ON |= {"dropout": {"dropout": 0.5}}
ALL = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}


def seen(law, given=None, blind=False, **options):
    """A scene that the law speaks of."""
    score = law.scores[0] if law.scores else "concat" if law.activations else "dot"
    activation = law.activations[0] if law.activations else None
    needed = {name: value for need in law.needs for name, value in ON[need].items()}
    if law.step in ON:
        needed |= ON[law.step]
    told = example(given, score=score, activation=activation, **({"causal": False} | needed | options))
    if blind:
        rows = np.array([[True] * 3, [False] * 3, [False] * 3])
        told = told._replace(options=told.options | {"mask": na.hidden(rows)})
    return scene(told, STEPS._replace(score=pair_of(told, STEPS)))


def verdict(law, walked, **changed):
    with np.errstate(all="ignore"):
        return _verdict(law, walked.numbers() | changed, walked.circumstances(), reach=10.0)


LAWS = [
    pytest.param(law, id=f"{law.step}: {law.statement} {law.activations or law.scores}") for law in DOWN + UP
]


@pytest.mark.parametrize("law", LAWS)
def test_it_is_in_force_and_holds(law):
    for given in GIVEN:
        walked = seen(law, given)
        assert law.concerns(walked.circumstances())
        told = verdict(law, walked)
        assert told.broken_by == ()
        assert told.off <= told.allowed < 1e-9


@pytest.mark.parametrize("law", LAWS)
def test_it_can_fail(law):
    """With every number that a step made replaced, no law holds by accident."""
    walked = seen(law)
    rng = np.random.default_rng(5)
    given = {"query", "key", "value", "d_out", "visible", "scale", "sinks", "bias"}
    changed = {
        name: x + 10 * rng.standard_normal(x.shape)
        for name, x in walked.numbers().items()
        if name not in given and np.isfinite(x).all() and not (name.startswith("score.") and "d_" not in name)
    }
    if "masked" in law.statement and law.step == "mask":
        changed["masked"] = np.zeros((3, 3))
    assert not verdict(law, walked, **changed).ok


BREAKERS = [
    pytest.param(law, broken, id=f"{law.step}: {law.statement} {law.activations or law.scores} with {broken}")
    for law in DOWN + UP
    for broken in law.broken_by
]


@pytest.mark.parametrize("law, broken", BREAKERS)
def test_what_is_said_to_break_it_does(law, broken):
    options = {} if broken == "blind rows" else ON[broken]
    tried = [seen(law, given, broken == "blind rows", **options) for given in GIVEN]
    told = [verdict(law, walked) for walked in tried]
    assert all(broken in each.broken_by and each.ok for each in told)
    assert any(not each.off <= each.allowed for each in told)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_concat_ranks_alike_whatever_the_activation(activation):
    for options in ({}, ALL):
        told = example(POSITIVE, score="concat", activation=activation, **options)
        walked = scene(told, STEPS._replace(score=pair_of(told, STEPS)))
        (law,) = [law for law in DOWN if law.number == 20]
        assert verdict(law, walked).ok


def test_nan_breaks_a_law():
    assert not Verdict("", "=", np.zeros(1), np.zeros(1), float("nan"), 1.0).ok


def test_a_number_is_that_of_a_law_of_attention() -> None:
    numbered = [law for law in (*DOWN, *UP) if law.number]
    assert {law.number for law in numbered} == {1, 2, 4, 5, 7, 11, 16, 17, 18, 19, 20, 21}
    words = {1: "d_key", 4: "d_value", 11: "value", 16: "weights", 18: "d_scores"}
    for number, word in words.items():
        assert word in ALL_LAWS[number].statement
        assert all(word in law.statement or number == 11 for law in numbered if law.number == number)
