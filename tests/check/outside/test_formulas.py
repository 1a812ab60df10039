"""Every formula is the function of its rule, and so is its derivative."""

import numpy as np
import pytest

from numpy_attention.check.outside.cases import RECIPES, draw_cases, draw_steps
from numpy_attention.check.outside.expected import call_for, formula_of, right_values
from numpy_attention.check.outside.judging import rule_named
from numpy_attention.check.outside.optimizers import OPTIMIZERS
from numpy_attention.check.outside.running import Running, gradients
from numpy_attention.check.rounding.error_analysis import Bounded
from numpy_attention.check.rounding.formats import ARITHMETICS, FORMATS

FLOAT64 = FORMATS["float64"]


@pytest.mark.parametrize("name", [*RECIPES, *OPTIMIZERS])
def test_formula_and_derivative_are_those_of_the_rule_within_their_bounds(name):
    rule = rule_named(name)
    for case in (draw_steps if name in OPTIMIZERS else draw_cases)(name, FLOAT64):
        call = call_for(rule, case.arguments, FLOAT64, 0)
        right = right_values(rule.forward, rule.backward, case.arguments, call.cotangents)
        with np.errstate(all="ignore"):
            numbers = {
                n: Running(Bounded(np.asarray(x), np.zeros(np.shape(x))), ARITHMETICS["float64"])
                if n in (*call.leaves, "params", "grads")
                else x
                for n, x in case.arguments.items()
            }
            out = formula_of(name)(**numbers)
            outs = out if isinstance(out, tuple) else (out,)
            derived = gradients(outs, call.cotangents, [numbers[n] for n in call.leaves])
        found = [*(each.of for each in outs), *derived]
        for tensor, x in zip(right, found, strict=True):
            assert x.value.shape == right[tensor].shape
            with np.errstate(invalid="ignore"):
                apart = np.abs(x.value - right[tensor])
            allowed = 2 * np.where(np.isnan(x.error), np.inf, x.error) + 1e-300
            assert ((apart <= allowed) | (x.value == right[tensor])).all(), (case.name, tensor)
