"""Every rule, in every example: derivatives of both orders, and what holds of every pair."""

import importlib
import pkgutil

import pytest

import numpy_attention.functional
from numpy_attention.check.examples import Example
from numpy_attention.check.rules import RULES, Rule

CALLS = [pytest.param(r, e, id=f"{r.name}-{e.name}".replace(" ", "_")) for r in RULES for e in r.examples]


@pytest.mark.parametrize("rule, example", CALLS)
def test_backward_is_the_derivative_of_forward_at_both_orders(rule: Rule, example: Example) -> None:
    report = rule.check(example, order=2)
    assert report.ok, str(report)


def test_every_public_pair_of_the_ground_floor_is_listed() -> None:
    listed = {rule.forward for rule in RULES} | {rule.backward for rule in RULES}
    for module in pkgutil.iter_modules(numpy_attention.functional.__path__):
        functions = vars(importlib.import_module(f"numpy_attention.functional.{module.name}"))
        for name, function in functions.items():
            if name.endswith(("_forward", "_backward")) and not name.startswith("_"):
                assert function in listed, f"{module.name}.{name} is in no rule"


def test_names_are_told_apart() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        names = [example.name for example in rule.examples]
        assert len(set(names)) == len(names) > 0, rule.name


def test_only_data_is_held_fixed() -> None:
    """An array without a gradient is a target or a multiplier, never an argument that was forgotten."""
    for rule in RULES:
        for example in rule.examples:
            constants = rule.check(example).constants
            assert set(constants) <= {"targets", "dropout", "multipliers", "positions"}, (
                rule.name,
                example.name,
            )
