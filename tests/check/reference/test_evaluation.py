"""Attention against fifty digits: within its bound in float64, and rounded right in anything narrower."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.evaluation import errors, results
from numpy_attention.check.reference.oracle import Inputs, Results, oracle
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from tests.support.hard_inputs import HARD, cast, plain
from tests.support.strategies import for_all

DTYPES = ("float64", "float32", "float16")


def inputs_of(case):
    """A case of the property tests as the oracle wants it."""
    names = {name: getattr(case, name) for name in Inputs._fields if hasattr(case, name)}
    return Inputs(**names)


class Tally:
    """Counts over all tests of this file, printed at the end."""

    def __init__(self):
        self.rows = {}

    def add(self, dtype, found):
        row = self.rows.setdefault(dtype, {"numbers": 0, "half": 0, "nearest": 0, "over": [0.0]})
        row["numbers"] += found.ulps.size
        row["half"] += int((abs(found.ulps) <= 0.5).sum())
        row["nearest"] += int(found.rounded.sum())
        row["over"].append(found.over.max(initial=0))

    def __str__(self):
        return "\n".join(
            f"{dtype}: {row['numbers']} numbers, {row['half']} within half a unit in the last place, "
            f"{row['nearest']} rounded correctly; error over bound at most {max(row['over']):.2g}"
            for dtype, row in self.rows.items()
        )


TALLY = Tally()


@pytest.fixture(scope="module", autouse=True)
def told():
    """Print the counts when all is done: see them with pytest -s."""
    yield
    print(f"\n{TALLY}")


def worst(got, inputs, exact=None):
    """The largest error over bound of all results, and whose it is."""
    expected = oracle(inputs) if exact is None else exact
    allowed = bounds(inputs, pinned=True)
    found = {}
    for name, x, y, bound in zip(Results._fields, got, expected, allowed, strict=True):
        assert (x is None) == (y is None), name
        if x is not None:
            found[name] = errors(x, y, bound.error)
    return found


def assert_exact(got, inputs):
    for name, found in worst(got, inputs).items():
        TALLY.add(np.asarray(getattr(got, name)).dtype.name, found)
        assert found.over.max(initial=0) <= 1, (name, found.over.max(), int(found.over.argmax()))


@for_all()
def test_all_options_at_random(case):
    """Of float16 and float32, what exceeds half a unit in the last place is within the float64 bound."""
    assert_exact(Results(*case.run()), inputs_of(case))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HARD)
def test_hard_problems(name, dtype):
    inputs = cast(HARD[name], dtype)
    assert_exact(results(inputs), inputs)


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
    return {name for name, found in worst(got, inputs).items() if not found.over.max(initial=0) <= 1}


def rich():
    """Every option at once, in numbers that float32 has."""
    rng = np.random.default_rng(14)
    inputs = plain(15)
    return cast(
        inputs._replace(
            visible=rng.random((5, 7)) < 0.7,
            bias=rng.standard_normal((5, 7)),
            scale=rng.uniform(0.5, 1.5, (5, 1)),
            softcap=2.0,
            sinks=np.array(0.3),
            multipliers=(rng.random((5, 7)) < 0.6) / 0.5,
        ),
        "float32",
    )


def test_an_error_of_a_few_bounds_is_found_in_every_result():
    inputs = cast(rich(), "float64")
    got, allowed = results(inputs), bounds(inputs, pinned=True)
    assert failing(got, inputs) == set()
    for name in Results._fields:
        wrong = np.array(getattr(got, name))
        wrong += 3 * np.asarray(getattr(allowed, name).error)
        assert failing(got._replace(**{name: wrong}), inputs) == {name}


def test_float32_where_it_should_be_float64_is_found_in_every_result():
    """The same numbers, computed as well as float32 can: twelve of its bounds' digits are missing."""
    narrow = rich()
    got = results(narrow)
    exact_to_float32 = Results(*(np.asarray(x, dtype="float32").astype(float) for x in got))
    assert failing(exact_to_float32, cast(narrow, "float64")) == set(Results._fields)


def test_float32_computed_in_float32_is_found():
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
def test_a_softmax_backward_that_is_not_pinned_is_found_where_a_score_wins(name):
    def textbook(d, saved):
        d_weights, d_lse = d[0], d[1][..., None]
        mean = (saved.weights * d_weights).sum(axis=-1, keepdims=True)
        return SoftmaxStepGradients(saved.weights * (d_weights - mean + d_lse), None)

    inputs = HARD[name]._replace(d_lse=None)
    steps = na.STEPS._replace(softmax=na.Pair(na.STEPS.softmax.forward, textbook))
    assert "d_query" in failing(results(inputs, *na.attention_with(steps)), inputs)
    assert failing(results(inputs), inputs) == set()
