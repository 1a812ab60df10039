"""Right results and their bounds."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.outside.expected import call_for, expected_of, right_values
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.rounding.formats import FORMATS, roundoff

SOFTMAX = next(rule for rule in RULES if rule.name == "softmax")
X = {"x": np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32).astype(float)}


def test_right_values_are_those_of_the_pair():
    values = right_values(SOFTMAX.forward, SOFTMAX.backward, X)
    assert np.array_equal(values["out"], na.softmax(X["x"]))
    assert np.abs(values["d_x"]).max() < 1e-16  # of a cotangent of ones


def test_float32_lies_within_its_bound_and_bfloat16_within_a_wider_one():
    call = call_for(SOFTMAX, X, FORMATS["float32"], 0)
    fine = expected_of(SOFTMAX, call, roundoff("float32"))
    out = na.softmax(X["x"].astype(np.float32)).astype(float)
    assert (np.abs(out - fine.values["out"]) <= fine.allowed("out")).all()
    coarse = expected_of(SOFTMAX, call, roundoff("bfloat16"))
    assert (coarse.allowed("out") > 1e3 * fine.allowed("out")).all()


def test_a_cotangent_is_zero_where_the_output_is_infinite():
    rule = next(rule for rule in RULES if rule.name == "log_softmax")
    call = call_for(rule, {"x": np.array([0.0, -np.inf, 1.0])}, FORMATS["float32"], 0)
    assert (call.d_out == 0).tolist() == [False, True, False]
