"""Walks with a fault: changed numbers, broken laws, and faults that are refused."""

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study import fault_walk
from numpy_attention.study.example import build_example
from numpy_attention.study.fault_examples import not_shown_because
from numpy_attention.study.fault_walk import FaultyWalk, walk_with_fault
from numpy_attention.study.page import page
from numpy_attention.study.walk import walk
from tests.study.test_walk import OPTIONS
from tests.support.shares import share

DEFAULT, EVERYTHING = build_example(), build_example(**OPTIONS["everything"])
SHOWN = [each for each in FAULTS if not not_shown_because(each)]
CORRECT = {}


@pytest.fixture(autouse=True)
def correct_walks_run_once(monkeypatch):
    """Reuse the correct walk of each example."""

    def walk_or_reuse(example, *, steps=None):
        if steps is not None:
            return walk(example, steps=steps)
        if id(example) not in CORRECT:
            CORRECT[id(example)] = walk(example)
        return CORRECT[id(example)]

    monkeypatch.setattr(fault_walk, "walk", walk_or_reuse)


@pytest.mark.parametrize("each", share(SHOWN, every=16))
def test_every_fault_that_can_be_shown_is_shown(each):
    walked = walk_with_fault(None, each)
    lines = list(page(walked.walk, faulty=walked))
    assert any(line.startswith(f"── Planted: {each.name} ") for line in lines)
    assert max(map(len, lines)) <= 100
    text = " ".join(lines)
    assert f"{each.name} changes " in text
    assert ("printed by: numpy-attention explain" in text) != ("is made for this fault: " in text)


@pytest.mark.parametrize(
    "name, changed, broken, wrong",
    [
        ("no-row-sum", ("d_masked", "d_biased", "d_query", "d_key", "d_scale"), [0, 18, 1], "d_masked"),
        ("scale-missing-in-d-key", ("d_key",), [2], "d_key"),
        ("d-value-untransposed", ("d_value",), [4, 0, 5], "d_value"),
        ("scale-gradient-of-the-scores", ("d_scale",), [7], "d_scale"),
    ],
)
def test_changed_numbers_broken_laws_and_wrong_gradients(name, changed, broken, wrong):
    walked = walk_with_fault(None, fault(name))
    assert walked.changed_results == changed
    assert [law.number for law in walked.broken_laws] == broken
    assert wrong in walked.wrong_gradients


def test_a_consistent_fault_is_marked_although_all_gradients_agree():
    walked = walk_with_fault(EVERYTHING, fault("dropout-not-rescaled"))
    assert walked.walk.ok
    assert "out" in walked.changed_results
    text = "\n".join(page(walked.walk, faulty=walked))
    assert "It breaks no law on this page." in text
    assert "is consistent: forward and backward contain the same error" in text
    assert "    out ≠ (2, 2)" in text


def test_only_changed_numbers_are_marked():
    walked = walk_with_fault(DEFAULT, fault("no-row-sum"))
    lines = list(page(walked.walk, faulty=walked))
    assert any("d_key ≠ (3, 2)" in line for line in lines)
    assert not any("weights ≠" in line or "d_value ≠" in line for line in lines)
    assert not any("≠ (" in line for line in page(walked.correct))


def test_a_fault_that_cannot_be_shown_is_refused_with_the_reason():
    for example in (None, DEFAULT):
        with pytest.raises(ValueError, match=r"^rotary-sign cannot be shown: it is in rotary, and"):
            walk_with_fault(example, fault("rotary-sign"))


def test_a_fault_that_changes_nothing_here_says_where_it_shows():
    with pytest.raises(ValueError, match=r"nothing here; it shows where .*--break mean-of-group` alone"):
        walk_with_fault(DEFAULT, fault("mean-of-group"))


def test_a_faulty_bias_step_that_runs_without_a_bias_is_walked():
    example = build_example(softcap=1e-3)  # rounding alone makes its results others
    faulty = walk_with_fault(example, fault("softcap-after-the-bias"))
    assert "Σ d_bias = Σ d_biased" not in {law.statement for law in faulty.broken_laws}


@pytest.mark.parametrize("name", ["no-row-sum", "scale-missing-in-d-key", "scale-missing"])
def test_the_steps_of_the_right_walk_save_time_and_change_no_verdict(name):
    planted, right = fault(name), walk(DEFAULT)
    quick = FaultyWalk(planted, walk(DEFAULT, steps=planted.steps, like=right), right)
    slow = walk_with_fault(DEFAULT, planted)
    assert quick.wrong_gradients == slow.wrong_gradients
    assert quick.broken_laws == slow.broken_laws
