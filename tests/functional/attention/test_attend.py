"""Steps 2 to 7 on any scores."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base.arrays import Pair


def test_scores_weigh_the_values():
    out, saved = na.attend_forward(np.array([[0.0, math.log(3)]]), np.array([[4.0], [16.0]]))
    np.testing.assert_allclose(saved.weights, [[0.25, 0.75]], rtol=1e-15)
    np.testing.assert_allclose(out, [[13.0]], rtol=1e-15)
    gradients = na.attend_backward(np.array([[1.0]]), saved)
    assert gradients._fields == ("d_scores", "d_value", "d_bias", "d_sinks")
    np.testing.assert_allclose(gradients.d_scores, [[-12 * 3 / 16, 12 * 3 / 16]], rtol=1e-15)
    np.testing.assert_allclose(gradients.d_value, [[0.25], [0.75]], rtol=1e-15)
    assert gradients.d_bias is gradients.d_sinks is None


def test_the_plain_form_takes_lists():
    assert na.attend([[0, 0]], [[1, 2], [3, 4]]).tolist() == [[2.0, 3.0]]


def test_values_may_have_more_batch_axes_than_scores():
    rng = np.random.default_rng(2)
    scores, value = rng.standard_normal((3, 5, 7)), rng.standard_normal((2, 3, 7, 11))
    out, saved = na.attend_forward(scores, value)
    assert out.shape == (2, 3, 5, 11)
    gradients = na.attend_backward(out, saved)
    assert gradients.d_scores.shape == scores.shape
    halves = [na.attend_backward(out[b], na.attend_forward(scores, value[b])[1]).d_scores for b in range(2)]
    np.testing.assert_allclose(gradients.d_scores, halves[0] + halves[1], rtol=1e-13, atol=1e-15)


def test_results_have_the_dtype_of_scores_and_value():
    half, single = np.ones((5, 7), np.float16), np.ones((7, 2), np.float32)
    out, saved = na.attend_forward(half, single, bias=np.zeros((5, 7)), sinks=np.zeros(()))
    assert out.dtype == np.float32
    gradients = na.attend_backward(out, saved)
    assert [d.dtype for d in gradients] == [np.float16, np.float32, np.float64, np.float64]
    assert saved.weights.dtype == np.float64


def test_attend_takes_other_steps():
    steps = na.STEPS._replace(
        values=Pair(lambda thinned, value, visible: (thinned.sum(-1, keepdims=True), None), None)
    )
    out, _ = na.attend_forward(np.zeros((5, 7)), np.ones((7, 1)), steps=steps)
    np.testing.assert_allclose(out, np.ones((5, 1)))


@pytest.mark.parametrize("back, saved", [
    (na.attend_backward, lambda x: na.attention_forward(x, x, x)[1]),
    (na.attention_backward, lambda x: na.attend_forward(x, x)[1]),
    (na.attend_backward, lambda x: None),
    (na.attention_backward, lambda x: (x, x)),
])  # fmt: skip
def test_each_backward_refuses_the_saved_of_another_forward(back, saved):
    x = np.ones((3, 3))
    name = back.__name__.replace("backward", "forward")
    with pytest.raises(TypeError, match=rf"^saved is \w+, not what {name} returned"):
        back(x, saved(x))


def test_a_score_of_minus_infinity_masks_like_a_bias():
    scores = np.array([[0.5, -np.inf], [-np.inf, -np.inf]])
    value = np.array([[2.0], [np.nan]])
    out, saved = na.attend_forward(scores, value)
    assert out.tolist() == [[2], [0]]
    assert saved.lse.tolist() == [0.5, -np.inf]
    grads = na.attend_backward(np.ones((2, 1)), saved)
    assert grads.d_scores.tolist() == [[0, 0], [0, 0]]
    assert grads.d_value.tolist() == [[1], [0]]
