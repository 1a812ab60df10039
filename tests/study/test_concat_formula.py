"""The concat formula against plain Python, pair by pair."""

import math

import numpy as np
import pytest

from numpy_attention.functional.scores.concat import ACTIVATIONS
from numpy_attention.study.concat_formula import concat_formula
from numpy_attention.study.example import SCORES, build_example
from numpy_attention.study.walk import walk

BEND = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "identity": lambda x: x,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_number_matches_plain_python(activation):
    built = build_example(score="concat", activation=activation)
    h, w = built.query.tolist(), built.parameters["weight"].tolist()
    shown = concat_formula(walk(built))
    columns = list(shown.parts.values())
    for i in range(3):
        inner = [sum(a * b for a, b in zip(w, h[i] + h[j], strict=True)) for j in range(3)]
        exponentials = [math.exp(BEND[activation](x)) for x in inner]
        for j in range(3):
            numbers = [math.log(exponentials[j])] if activation != "identity" else []
            numbers += [exponentials[j], sum(exponentials), exponentials[j] / sum(exponentials)]
            last = [column[i, j] for column in columns[-len(numbers) :]]
            np.testing.assert_allclose(last, numbers, rtol=1e-14, atol=1e-14)
            assert shown.parts["w·[h_i; h_j]"][i, j] == pytest.approx(inner[j], rel=1e-14, abs=1e-14)
            halves = shown.parts["w·[h_i; 0]"][i, j] + shown.parts["w·[0; h_j]"][i, j]
            assert halves == pytest.approx(inner[j], rel=1e-14, abs=1e-14)
            assert shown.weights[i, j] == pytest.approx(numbers[-1], rel=1e-14)
    assert shown.ok


def test_text_of_the_formula():
    shown = concat_formula(walk(build_example(score="concat", activation="sigmoid")))
    assert shown.text == "weight_ij = exp(σ(w·[h_i; h_j])) / Σ_k exp(σ(w·[h_i; h_k]))"
    assert shown.activation == "The logistic function: σ(x) = 1 / (1 + exp(-x))"
    three = {"query": [[1.0]], "key": [[2.0]], "value": [[3.0]]}
    shown = concat_formula(walk(build_example(three, score="concat", activation="identity")))
    assert shown.text == "weight_ij = exp(w·[q_i; k_j]) / Σ_k exp(w·[q_i; k_k])"
    assert shown.activation == ""


def test_other_scores_have_no_formula():
    assert [concat_formula(walk(build_example(score=score))) is None for score in SCORES].count(False) == 1


def test_exp_is_taken_of_the_masked_scores():
    walked = walk(build_example(score="concat", causal=True, softcap=1.0, bias=True, sinks=0.5))
    shown = concat_formula(walked)
    np.testing.assert_array_equal(shown.parts["masked"], walked.saved.masked)
    assert shown.ok


def test_overflow_of_exp_is_reported_and_tolerated():
    far = {"tokens": [[1000.0], [900.0]], "weight": [1.0, 1.0]}
    walked = walk(build_example(far, score="concat", activation="identity"))
    assert walked.ok
    shown = concat_formula(walked)
    assert shown.overflows
    assert shown.ok


def test_wrong_weights_are_rejected():
    shown = concat_formula(walk(build_example(score="concat")))
    assert not shown._replace(weights=shown.weights[::-1]).ok
