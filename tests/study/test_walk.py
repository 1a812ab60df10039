"""The walk: attention's own numbers, a complex step beside every gradient, no false alarm on right code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import numpy_attention as na
from numpy_attention import STEPS, Pair
from numpy_attention.functional.scores.concat import ACTIVATIONS
from numpy_attention.study.example import SCORES, example
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
