"""Attention against fifty digits: within its bound in float64, and rounded right in anything narrower."""

from dataclasses import fields
from functools import lru_cache

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.evaluation import errors, results
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.reference.oracle import Results, oracle
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from tests.support.hard_inputs import HARD, cast, plain
from tests.support.strategies import for_all

DTYPES = ("float64", "float32", "float16")


def inputs_of(case):
    """A case of the property tests as Inputs."""
    names = [field.name for field in fields(Inputs)]
    return Inputs(**{name: getattr(case, name) for name in names}).replace(mask=case.visible)


def ratios(got, inputs, exact=None):
    """Errors over bounds of each result, by name."""
    expected = oracle(inputs) if exact is None else exact
    allowed = bounds(inputs, pinned=True)
    by_name = {}
    for name, x, y, bound in zip(Results._fields, got, expected, allowed, strict=True):
        assert (x is None) == (y is None), name
        if x is not None:
            by_name[name] = errors(x, y, bound.error).over
    return by_name


def assert_exact(got, inputs, exact=None):
    for name, over in ratios(got, inputs, exact).items():
        assert over.max(initial=0) <= 1, (name, over.max(), int(over.argmax()))


@for_all(share=0.25)
def test_all_options_at_random(case):
    """Of float16 and float32, what exceeds half a unit in the last place is within the float64 bound."""
    assert_exact(Results(*case.run()), inputs_of(case))


@lru_cache
def narrow_problem(name):
    """Inputs that float16 and float32 both hold, and their exact results."""
    inputs = cast(HARD[name], "float16")
    return inputs, oracle(inputs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HARD)
@pytest.mark.slow
def test_hard_problems(name, dtype):
    own = dtype == "float64" and name != "4,096 keys"  # half of whose time is spent in the oracle
    inputs, exact = (HARD[name], None) if own else narrow_problem(name)
    inputs = cast(inputs, dtype)
    assert_exact(results(inputs), inputs, exact)


def test_the_hard_problems_are_hard():
    """Each has what it is named after."""
    weights = {name: np.sort(results(inputs).weights) for name, inputs in HARD.items()}
    inputs = HARD["products that cancel"]
    products = inputs.query @ inputs.key.T
    assert 0 < abs(products / (abs(inputs.query) @ abs(inputs.key).T)).max() < 1e-11
    assert (1 - weights["the winning score 36 ahead"][:, -1] < 1e-13).all()
    assert (weights["tied rows"][:, -1] == weights["tied rows"][:, -2]).all()
    small = weights["subnormal weights"]
    assert ((small > 0) & (small < np.finfo(float).smallest_normal)).any()
    assert (weights["scores of ±1e4"][:, -2] < 1e-300).any()


# ------------------------------------------------------------------------- the bounds can be exceeded


def failing(got, inputs):
    return {name for name, over in ratios(got, inputs).items() if not over.max(initial=0) <= 1}


def rich():
    """Every option at once, in numbers that float32 has."""
    rng = np.random.default_rng(14)
    inputs = plain(15)
    return cast(
        inputs.replace(
            mask=rng.random((5, 7)) < 0.7,
            bias=rng.standard_normal((5, 7)),
            scale=rng.uniform(0.5, 1.5, (5, 1)),
            softcap=2.0,
            sinks=np.array(0.3),
            dropout=(rng.random((5, 7)) < 0.6) / 0.5,
        ),
        "float32",
    )


def test_errors_of_three_bounds_are_detected_in_every_result():
    inputs = cast(rich(), "float64")
    got, allowed = results(inputs), bounds(inputs, pinned=True)
    assert failing(got, inputs) == set()
    for name in Results._fields:
        wrong = np.array(getattr(got, name))
        wrong += 3 * np.asarray(getattr(allowed, name).error)
        assert failing(got._replace(**{name: wrong}), inputs) == {name}


def test_float32_instead_of_float64_is_detected_in_every_result():
    """The same numbers, computed as well as float32 can: twelve of its bounds' digits are missing."""
    narrow = rich()
    got = results(narrow)
    exact_to_float32 = Results(*(np.asarray(x, dtype="float32").astype(float) for x in got))
    assert failing(exact_to_float32, cast(narrow, "float64")) == set(Results._fields)


def test_float32_softmax_inside_is_detected():
    """float64 within, rounded once, is what float32 inputs get: a float32 softmax is too little."""
    inputs = rich()
    softmax = na.STEPS.softmax

    def narrow(masked, sinks, visible):
        masked = masked.astype("float32")
        top = np.maximum(masked.max(axis=-1, keepdims=True), np.float32(sinks))
        powers = np.exp(masked - top)
        total = powers.sum(axis=-1, keepdims=True) + np.exp(np.float32(sinks) - top)
        (_, lse), saved = softmax.forward(masked.astype(float), sinks, visible)
        weights = (powers / total).astype(float)
        return (weights, lse), saved._replace(weights=weights)

    steps = na.STEPS._replace(softmax=na.Pair(narrow, softmax.backward))
    got = results(inputs, *na.attention_with(steps))
    assert {"out", "weights", "d_query", "d_key", "d_value", "d_bias"} <= failing(got, inputs)


@pytest.mark.parametrize("name", ["the winning score 36 ahead", "one query, 1,021 keys, peaked"])
def test_unpinned_softmax_backward_is_detected_where_a_score_wins(name):
    def textbook(d, saved):
        d_weights, d_lse = d[0], d[1][..., None]
        mean = (saved.weights * d_weights).sum(axis=-1, keepdims=True)
        return SoftmaxStepGradients(saved.weights * (d_weights - mean + d_lse), None)

    inputs = HARD[name].replace(d_lse=None)
    steps = na.STEPS._replace(softmax=na.Pair(na.STEPS.softmax.forward, textbook))
    assert "d_query" in failing(results(inputs, *na.attention_with(steps)), inputs)
    assert failing(results(inputs), inputs) == set()
