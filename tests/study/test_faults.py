"""The walk is red where a fault is planted: at its step first, in the gradient and in the law concerned."""

import numpy as np
import pytest

from numpy_attention import STEPS, Pair
from numpy_attention.functional import steps as s
from numpy_attention.functional.concat import concat_scores_backward, concat_scores_forward
from numpy_attention.study.example import example
from numpy_attention.study.walk import walk

from .test_walk import OPTIONS, stages, wrong


def softmax_forgets_the_mean(d, saved):
    """d_masked = weights * d_weights."""
    return s.SoftmaxStepGradients(saved.weights * d[0], None)


def softmax_over_queries(masked, sinks=None, visible=None):
    exponentials = np.exp(masked)
    weights = exponentials / exponentials.sum(axis=0)
    return s.Normalised(weights, np.log(exponentials.sum(axis=-1))), s.SoftmaxStepSaved(
        weights, None, None, visible
    )


def mask_with_a_finite_number(biased, visible=None):
    return np.where(visible, biased, -2.0), s.MaskSaved(visible)


def mask_is_forgotten(biased, visible=None):
    return biased, s.MaskSaved(visible)


def key_scaled_twice(d_scores, saved):
    g = s.score_backward(d_scores, saved)
    return g._replace(d_key=g.d_key * saved.scale)


def query_and_key_swapped(d_scores, saved):
    g = s.score_backward(d_scores, saved)
    return g._replace(d_query=g.d_key, d_key=g.d_query)


def value_from_weights(d_out, saved):
    return s.values_backward(d_out, saved)._replace(d_value=saved.thinned @ d_out)


def softcap_without_its_slope(d_capped, saved):
    return d_capped * 1.0


def softcap_times_cap(d_capped, saved):
    return s.softcap_backward(d_capped, saved) * saved.softcap


def bias_averaged(d_biased, saved):
    g = s.bias_backward(d_biased, saved)
    return g._replace(d_bias=g.d_bias / 3)


def dropout_forgotten(d_thinned, saved):
    return d_thinned * 1.0


def scale_left_out(d_scores, saved):
    g = s.score_backward(d_scores, saved)
    return g._replace(d_query=g.d_query / saved.scale, d_key=g.d_key / saved.scale)


ALL = OPTIONS["everything"]
FAULTS = [
    ("softmax", "backward", softmax_forgets_the_mean, {}, "d_masked", "rows of d_masked sum to 0"),
    ("softmax", "forward", softmax_over_queries, {}, None, "rows of weights sum to 1"),
    ("mask", "forward", mask_with_a_finite_number, {}, None, "exp(masked) is 0 where hidden"),
    ("mask", "forward", mask_is_forgotten, {}, None, "exp(masked) is 0 where hidden"),
    ("score", "backward", key_scaled_twice, {}, "d_key", "<d_query, query> = <d_key, key>"),
    ("score", "backward", query_and_key_swapped, {}, "d_query", "Σ_s d_key = 0"),
    ("score", "backward", scale_left_out, {}, "d_query", "d_scale * scale = <d_query, query>"),
    ("values", "backward", value_from_weights, {}, "d_value", "Σ_s d_value = Σ_l d_out"),
    ("softcap", "backward", softcap_without_its_slope, ALL, "d_scores", None),
    ("softcap", "backward", softcap_times_cap, ALL, "d_scores", "|d_scores| ≤ |d_capped|"),
    ("bias", "backward", bias_averaged, ALL, "d_bias", "Σ d_bias = Σ d_biased"),
    (
        "dropout",
        "backward",
        dropout_forgotten,
        ALL,
        "d_weights",
        "<d_weights, weights> = <d_thinned, thinned>",
    ),
]


@pytest.mark.parametrize(
    "step, way, fault, options, gradient, law", FAULTS, ids=[f[2].__name__ for f in FAULTS]
)
def test_a_planted_fault_goes_red_at_its_step_first(step, way, fault, options, gradient, law):
    told = example(**options)
    assert walk(told).ok
    planted = STEPS._replace(**{step: getattr(STEPS, step)._replace(**{way: fault})})
    walked = walk(told, steps=planted)
    assert not walked.ok
    red = wrong(walked)
    here = ("down" if way == "forward" else "up", step)
    if gradient:
        assert (*here, gradient) in red
    if law:
        assert (*here, law) in red
    first = next(place for place, stage in stages(walked).items() if not stage.ok)
    assert first == here
    source = stages(walked)[here].source
    assert source.file == "test_faults.py"
    assert source.lines[0].number > fault.__code__.co_firstlineno


def test_a_fault_in_a_score_of_its_own():
    def sign_of_the_weight(d_out, saved):
        g = concat_scores_backward(d_out, saved)
        return g._replace(d_weight=-g.d_weight)

    walked = walk(example(score="concat"), score=Pair(concat_scores_forward, sign_of_the_weight))
    assert wrong(walked) == {
        ("up", "score", "d_weight"),
        ("up", "score", "<d_weight, weight> = <d_query, query> + <d_key, key>"),
    }


def test_another_convention_is_shown_as_it_is():
    """Scores of step 1 replaced by those of another system: no scale."""

    def unscaled(query, key, scale, visible=None):
        return s.score_forward(query, key, np.ones(()), visible)

    walked = walk(example(), steps=STEPS._replace(score=STEPS.score._replace(forward=unscaled)))
    np.testing.assert_array_equal(
        walked.down[0].arrays["scores"], walked.example.query @ walked.example.key.T
    )
    assert not walked.up[-1].derivatives["d_scale"].ok
