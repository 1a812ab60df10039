"""Any score as step 1: its numbers, its gradients, and the output with a step's result replaced."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS
from numpy_attention.study.example import build_example
from numpy_attention.study.score_step import loss_cotangent, loss_inputs, score_pair, with_score_step

TINY = {"query": [[1.0], [2.0]], "key": [[3.0], [5.0]], "value": [[1.0], [2.0]]}
D_SCORES = np.array([[1.0, -2.0], [0.5, 3.0]])


def step_of(example):
    """Step 1 for the score of an example."""
    return with_score_step(STEPS._replace(score=score_pair(example, STEPS)), example).score


def test_dot_scores_leave_the_steps_unchanged():
    example = build_example(TINY)
    assert score_pair(example, STEPS) is STEPS.score
    assert with_score_step(STEPS, example) is STEPS


def test_general_scores_and_their_gradients_by_hand():
    example = build_example({**TINY, "weight": [[2.0]]}, score="general")
    step = step_of(example)
    scores, saved = step.forward(example.query, example.key, None, None)
    np.testing.assert_array_equal(scores, [[6, 10], [12, 20]])
    gradients = step.backward(D_SCORES, saved)
    np.testing.assert_array_equal(gradients.d_query, 2 * D_SCORES @ example.key)
    np.testing.assert_array_equal(gradients.d_key, 2 * D_SCORES.T @ example.query)
    assert gradients.d_scale == 0


def test_location_scores_repeat_one_row_and_sum_its_gradient():
    example = build_example({**TINY, "weight": [2.0], "bias": 1.0}, score="location")
    step = step_of(example)
    scores, saved = step.forward(example.query, example.key, None, None)
    np.testing.assert_array_equal(scores, [[7, 11], [7, 11]])
    gradients = step.backward(D_SCORES, saved)
    np.testing.assert_array_equal(gradients.d_query, np.zeros((2, 1)))
    np.testing.assert_array_equal(gradients.d_key, [[3.0], [2.0]])


@pytest.mark.parametrize("name", ["scores", "weights"])
def test_output_with_a_replaced_step(name):
    example = build_example(TINY, causal=False)
    weights = np.array([[0.25, 0.75], [1.0, 0.0]])
    if name == "weights":
        out = loss_inputs(example, STEPS, {"softmax": weights})
        np.testing.assert_array_equal(out, [1.75, 1.0])
    else:
        with np.errstate(divide="ignore"):
            out = loss_inputs(example, STEPS, {"score": np.log(weights)})
        np.testing.assert_allclose(out, [1.75, 1.0], rtol=1e-15)
    expected = na.attention(example.query, example.key, example.value)
    np.testing.assert_array_equal(loss_inputs(example, STEPS), expected.ravel())


def test_a_loss_may_depend_on_lse():
    example = build_example(TINY, causal=False, lse=True)
    out, saved = na.attention_forward(example.query, example.key, example.value)
    np.testing.assert_array_equal(loss_inputs(example, STEPS), [*out.ravel(), *saved.lse])
    np.testing.assert_array_equal(loss_cotangent(example), [*example.d_out.ravel(), *example.d_lse])
    assert loss_cotangent(example._replace(d_lse=None)).shape == (2,)
