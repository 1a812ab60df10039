"""The project's own quick tests of a rule turn red when a fault is planted in the rule's pair."""

from functools import partial

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.faults.small_problems import PROBLEMS
from numpy_attention.check.pairs.calls import call_of
from numpy_attention.check.pairs.examples import Example, normal
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.functional.base.arrays import promote
from tests.check.reference import test_exact_activations as exact_activations
from tests.check.reference import test_exact_rows as exact_rows
from tests.functional.layers import test_positions as positions
from tests.functional.losses import test_losses as losses
from tests.optim import test_adam as adam
from tests.support.fault_problems import CASES
from tests.support.formula import formula
from tests.support.judges import assert_within
from tests.support.shares import share

RULE = {rule.name: rule for rule in RULES}

DECAY = adam.test_weight_decay_takes_its_share_and_leaves_the_moments_alone

SQUARE = Example(
    "keys as wide as values", (normal(2, 6, 5, 3), normal(2, 3, 5, 3), normal(2, 1, 3, 5, 3)[:, 0])
)


def attention_is_that_of_the_formula():
    """Two small problems, the arrays in the layout that the problem gives them."""
    for name in ("one batch entry of wide heads, transposed", "keys as wide as values"):
        arrays = [x.copy(order="K") for x in (*PROBLEMS[name].arguments, PROBLEMS[name].d_out)]
        out, saved = na.attention_forward(*arrays[:3], **PROBLEMS[name].keywords)
        gradients = na.attention_backward(arrays[3], saved)
        assert_within((out, saved.weights, saved.lse, *gradients), *formula(CASES[name], textbook=True))


OWN = {
    "attention": (attention_is_that_of_the_formula,),
    "rotary": (positions.test_a_quarter_turn_by_hand, positions.test_the_rates_fall_by_the_base),
    "layer_norm": (lambda: exact_rows.test_norms("layer_norm", "normal", "float64"),),
    "rms_norm": (lambda: exact_rows.test_norms("rms_norm", "normal", "float64"),),
    "cross_entropy": (lambda: losses.test_ignored_targets_have_no_influence(np.random.default_rng(0)),),
    "gelu": (lambda: exact_activations.test_within_four_units("gelu", "float64"),),
    "adam": (adam.test_two_steps_by_hand,),
    "adamw": (partial(DECAY.hypothesis.inner_test, seed=0, lr=0.5, weight_decay=0.5),),
}
"""Tests of a rule's values; its gradients are compared with the complex step in its examples."""

ELSEWHERE = [fault for fault in FAULTS if fault.steps is None]


def plant(monkeypatch, fault):
    """Replace the rule's pair by the fault's wherever those tests look it up."""
    forward, backward = fault.pair
    if backward is None:
        monkeypatch.setattr(adam, f"{fault.rule}_step", forward)
        return
    for module in (exact_rows, exact_activations):
        planted = module.PAIRS[fault.rule]._replace(forward=forward, backward=backward)
        monkeypatch.setitem(module.PAIRS, fault.rule, planted)
    functions = {f"{fault.rule}_forward": forward, f"{fault.rule}_backward": backward}
    functions[fault.rule] = lambda x, *args, **options: forward(promote(x), *args, **options)[0]
    for module in (na, losses):
        for name, function in functions.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, function)


def red(test):
    try:
        test()
    except AssertionError:
        return True
    return False


def is_active(fault, example):
    rule = RULE[fault.rule]
    if fault.rule == "attention":
        return fault.active(Inputs(*example.args, **example.kwargs))
    return fault.active(call_of(rule.forward, rule.backward, example.args, example.kwargs).arguments)


@pytest.mark.parametrize("rule", OWN)
def test_without_a_fault_the_tests_pass(rule):
    for test in OWN[rule]:
        test()


@pytest.mark.parametrize("fault", share(ELSEWHERE, every=3))
def test_a_fault_turns_a_test_of_its_rule_red(fault, monkeypatch):
    plant(monkeypatch, fault)
    if any(red(test) for test in OWN.get(fault.rule, ())):
        return
    rule = RULE[fault.rule]
    examples = (*rule.examples[:3], SQUARE) if fault.rule == "attention" else rule.examples
    active = [example for example in examples if is_active(fault, example)]
    assert active
    for example in active:
        assert not rule._replace(forward=fault.pair.forward, backward=fault.pair.backward).check(example).ok
