"""The walk: attention's own numbers, no false alarm on right code, and red where a fault is planted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import numpy_attention as na
from numpy_attention import STEPS, Pair
from numpy_attention.functional import steps as s
from numpy_attention.functional.additive import ACTIVATIONS, concat_scores_backward, concat_scores_forward
from numpy_attention.study.example import SCORES, example
from numpy_attention.study.scene import RESULTS
from numpy_attention.study.tokens import LARGEST, SMALLEST
from numpy_attention.study.walk import walk

OPTIONS = {
    "nothing": {"causal": False},
    "causal": {"causal": True},
    "softcap": {"softcap": 2.0},
    "bias": {"bias": True},
    "sinks": {"sinks": 0.5},
    "dropout": {"dropout": 0.5},
    "everything": {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5},
}
OWN = {
    "general": Pair(na.general_scores_forward, na.general_scores_backward),
    "additive": Pair(na.additive_scores_forward, na.additive_scores_backward),
    "concat": Pair(na.concat_scores_forward, na.concat_scores_backward),
    "cosine": Pair(na.cosine_scores_forward, na.cosine_scores_backward),
}


def stages(walked):
    return {("down", x.name): x for x in walked.down} | {("up", x.name): x for x in walked.up}


def wrong(walked):
    """Every stage with something wrong: gradients by name, laws by statement."""
    return {
        (way, name, told)
        for (way, name), stage in stages(walked).items()
        for told in (
            *(d for d, x in stage.derivatives.items() if not x.ok),
            *(law.statement for law in stage.laws if not law.ok),
        )
    }


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_its_numbers_are_those_of_attention_to_the_bit(options):
    told = example(**options)
    out, saved = na.attention_forward(told.query, told.key, told.value, **told.options)
    gradients = na.attention_backward(told.d_out, saved)
    walked = walk(told)
    np.testing.assert_array_equal(walked.out, out)
    for ours, theirs in zip(walked.gradients, gradients, strict=True):
        np.testing.assert_array_equal(ours, theirs) if theirs is not None else None
    down, up = ({}, {})
    for (way, _), stage in stages(walked).items():
        (down if way == "down" else up).update(stage.arrays)
    for name in ("scores", "capped", "biased", "masked", "weights", "lse", "thinned"):
        if getattr(saved, name) is not None:
            np.testing.assert_array_equal(down[name], getattr(saved, name))
    np.testing.assert_array_equal(down["out"], out)
    for name in gradients._fields:
        if getattr(gradients, name) is not None:
            np.testing.assert_array_equal(up[name], getattr(gradients, name))


@pytest.mark.parametrize("score", OWN)
def test_a_score_of_its_own_is_that_score_before_attend(score):
    told = example(score=score, **OPTIONS["everything"])
    scores, scores_saved = OWN[score].forward(told.query, told.key, **told.parameters, **told.settings)
    rest = {name: x for name, x in told.options.items() if name != "scale"}
    out, saved = na.attend_forward(scores, told.value, **rest)
    gradients = na.attend_backward(told.d_out, saved)
    of_score = OWN[score].backward(gradients.d_scores, scores_saved)
    walked = walk(told)
    np.testing.assert_array_equal(walked.out, out)
    np.testing.assert_array_equal(walked.gradients.d_bias, gradients.d_bias)
    for name, x in of_score._asdict().items():
        np.testing.assert_array_equal(walked.up[-1].arrays[name], x)


def test_location_scores_give_every_query_one_row():
    told = example(score="location", **OPTIONS["everything"])
    row, row_saved = na.location_scores_forward(told.key, **told.parameters)
    rest = {name: x for name, x in told.options.items() if name != "scale"}
    out, saved = na.attend_forward(np.stack([row] * 3), told.value, **rest)
    gradients = na.attend_backward(told.d_out, saved)
    walked = walk(told)
    np.testing.assert_array_equal(walked.out, out)
    for name, x in na.location_scores_backward(gradients.d_scores.sum(axis=0), row_saved)._asdict().items():
        np.testing.assert_array_equal(walked.up[-1].arrays[name], x)
    assert not walked.gradients.d_query.any()
    assert walked.ok


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("score", SCORES)
def test_everything_agrees(score, options):
    for activation in ACTIVATIONS if score == "concat" else [None]:
        walked = walk(example(score=score, activation=activation, **options))
        assert wrong(walked) == set()
        assert walked.ok
        assert (walked.tokens is not None) == SCORES[score].on_tokens


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_what_was_not_asked_for_is_skipped(options):
    walked = walk(example(**{"causal": False} | options))
    asked = {name for name in ("softcap", "bias", "dropout") if name in options}
    asked |= {"mask"} if options.get("causal") else set()
    for (_, name), stage in stages(walked).items():
        assert stage.skipped == (name in {"softcap", "bias", "mask", "dropout"} - asked)
        assert bool(stage.arrays) == bool(stage.source.lines) == (not stage.skipped)
    assert [stage.number for stage in (*walked.down, *walked.up)] == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        7,
        6,
        5,
        4,
        3,
        2,
        1,
    ]
    assert [stage.name for stage in walked.down] == list(STEPS._fields)


def test_every_gradient_has_its_complex_step():
    for score in SCORES:
        walked = walk(example(score=score, **OPTIONS["everything"]))
        for stage in walked.up:
            assert stage.derivatives.keys() == stage.arrays.keys()
        told = {name for stage in walked.up for name in stage.arrays}
        assert {"d_thinned", "d_weights", "d_masked", "d_biased", "d_capped", "d_scores", "d_value"} <= told
        assert {f"d_{name}" for name in walked.example.parameters} <= told
        assert {"d_bias", "d_sinks"} <= told


def test_the_tokens_own_gradient_is_the_sum():
    walked = walk(example(score="concat"))
    g = walked.gradients
    np.testing.assert_array_equal(walked.tokens.ours, g.d_query + g.d_key + g.d_value)
    assert not walked._replace(tokens=walked.tokens._replace(ours=g.d_key)).ok


sizes = st.floats(SMALLEST, LARGEST) | st.floats(0.1, 3)
numbers = sizes | sizes.map(lambda x: -x) | st.sampled_from([0.0, 1.0, -1.0, SMALLEST])
settings = st.fixed_dictionaries(
    {},
    optional={
        "causal": st.booleans(),
        "softcap": st.floats(0.1, 50),
        "bias": st.booleans(),
        "sinks": st.floats(-50, 50),
        "dropout": st.floats(0, 0.9),
    },
)


@given(st.data(), st.sampled_from(list(SCORES)), st.sampled_from(list(ACTIVATIONS)), settings)
def test_no_false_alarm(data, score, activation, options):
    """Peaked, tied, tiny, huge, zero: right code is never called wrong."""
    shape = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)))
    tokens = data.draw(arrays(float, shape, elements=numbers))
    activation = activation if score == "concat" else None
    walked = walk(example({"tokens": tokens}, score=score, activation=activation, **options))
    assert wrong(walked) == set()
    assert walked.ok


def test_cosine_gradients_of_short_vectors_are_large_and_so_is_their_rounding():
    assert walk(example({"tokens": [[1.0], [SMALLEST]]}, score="cosine")).ok


# -------------------------------------------------------------------------------- faults, planted


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
    assert source.file == "test_walk.py"
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


def test_results_have_names():
    assert len(set(RESULTS)) == 7
