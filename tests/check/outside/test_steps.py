"""The forms of attention's steps that take arrays alone."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.outside.steps import OF_ATTENTION, attend_with, step_of_arrays
from numpy_attention.functional.attention.steps import STEPS

rng = np.random.default_rng(0)
QUERY, KEY, VALUE = (rng.standard_normal((3, 5, 2)) for _ in range(3))


def test_a_step_takes_no_visible_and_may_be_a_wrong_one():
    scores = step_of_arrays("score", STEPS.score).forward(QUERY, KEY, 0.5)[0]
    assert np.array_equal(scores, 0.5 * QUERY @ KEY.swapaxes(-1, -2))
    twice = STEPS.score._replace(forward=lambda *args: (2 * STEPS.score.forward(*args)[0], None))
    assert np.array_equal(step_of_arrays("score", twice).forward(QUERY, KEY, 0.5)[0], 2 * scores)


def test_attend_takes_booleans_for_the_mask():
    scores, mask = QUERY @ KEY.swapaxes(-1, -2), np.tri(5, dtype=bool)
    out, _ = attend_with(STEPS).forward(scores, VALUE, mask=mask)
    assert np.array_equal(out, na.attend(scores, VALUE, mask=na.causal("top_left")))


def test_two_parts_are_merged_and_both_outputs_have_gradients():
    rule, parts = OF_ATTENTION["merge of attention"], (QUERY, QUERY[..., 0], KEY, KEY[..., 0])
    merged, saved = rule.forward(*parts)
    own = na.attention_merge(parts[:2], parts[2:])
    assert np.array_equal(merged.out, own.out)
    assert {*rule.backward((np.ones((3, 5, 2)), np.ones((3, 5))), saved)} == {
        "d_out_1", "d_lse_1", "d_out_2", "d_lse_2"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["alibi", "relative"])
def test_the_parameter_of_a_bias_has_its_gradient(name):
    parameter = np.array([0.5, 0.25, 2.0])
    arguments = (parameter,) if name == "alibi" else (parameter[:, None], np.zeros((5, 5), dtype=int))
    _, saved = OF_ATTENTION[name].forward(QUERY, KEY, VALUE, *arguments)
    gradients = OF_ATTENTION[name].backward(np.ones((3, 5, 2)), saved)
    assert gradients["d_slopes" if name == "alibi" else "d_table"].shape == arguments[0].shape
