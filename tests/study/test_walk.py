"""The walk: attention's own numbers, gradients that match the complex step, faults detected at their step."""

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import numpy_attention as na
from numpy_attention import STEPS, Pair
from numpy_attention.check.faults import fault
from numpy_attention.functional.attention import steps as s
from numpy_attention.functional.scores.concat import ACTIVATIONS
from numpy_attention.study.example import ALL_OPTIONS, LEAST_CAP, MOST_CAP, SCORES, build_example
from numpy_attention.study.fault_examples import SQUARE
from numpy_attention.study.tokens import LARGEST, SMALLEST
from numpy_attention.study.walk import walk

OPTIONS = {
    "nothing": {"causal": False},
    "causal": {"causal": True},
    "softcap": {"softcap": 2.0},
    "bias": {"bias": True},
    "sinks": {"sinks": 0.5},
    "dropout": {"dropout": 0.5},
    "lse": {"lse": True},
    "everything": {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5},
}
QUERY_KEY_VALUE = ("query", "key", "value")
OWN = {
    "general": Pair(na.general_scores_forward, na.general_scores_backward),
    "additive": Pair(na.additive_scores_forward, na.additive_scores_backward),
    "concat": Pair(na.concat_scores_forward, na.concat_scores_backward),
    "cosine": Pair(na.cosine_scores_forward, na.cosine_scores_backward),
}


def stages(walked):
    return {("down", x.name): x for x in walked.down} | {("up", x.name): x for x in walked.up}


def wrong(walked):
    """Every wrong gradient by name and broken law by statement, with its stage."""
    return {
        (way, name, error)
        for (way, name), stage in stages(walked).items()
        for error in (
            *(d for d, x in stage.derivatives.items() if not x.ok),
            *(result.law.statement for result in stage.laws if not result.ok),
        )
    }


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_numbers_are_those_of_attention_to_the_bit(options):
    built = build_example(**options)
    out, saved = na.attention_forward(built.query, built.key, built.value, **built.options)
    gradients = na.attention_backward(built.d_out, saved, d_lse=built.d_lse)
    walked = walk(built)
    np.testing.assert_array_equal(walked.out, out)
    for ours, theirs in zip(walked.gradients, gradients, strict=True):
        np.testing.assert_array_equal(ours, theirs) if theirs is not None else None
    down, up = ({}, {})
    for (way, _), stage in stages(walked).items():
        (down if way == "down" else up).update(stage.results)
    for name in ("scores", "capped", "biased", "masked", "weights", "lse", "thinned"):
        if getattr(saved, name) is not None:
            np.testing.assert_array_equal(down[name], getattr(saved, name))
    np.testing.assert_array_equal(down["out"], out)
    for name in gradients._fields:
        if getattr(gradients, name) is not None:
            np.testing.assert_array_equal(up[name], getattr(gradients, name))


@pytest.mark.parametrize("score", OWN)
def test_other_scores_equal_the_score_followed_by_attend(score):
    built = build_example(score=score, **OPTIONS["everything"])
    scores, scores_saved = OWN[score].forward(built.query, built.key, **built.parameters, **built.settings)
    rest = {name: x for name, x in built.options.items() if name != "scale"}
    out, saved = na.attend_forward(scores, built.value, **rest)
    gradients = na.attend_backward(built.d_out, saved)
    of_score = OWN[score].backward(gradients.d_scores, scores_saved)
    walked = walk(built)
    np.testing.assert_array_equal(walked.out, out)
    np.testing.assert_array_equal(walked.gradients.d_bias, gradients.d_bias)
    for name, x in of_score._asdict().items():
        np.testing.assert_array_equal(stages(walked)["up", "score"].results[name], x)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("score", SCORES)
def test_correct_code_is_ok(score, options):
    for activation in ACTIVATIONS if score == "concat" else [None]:
        walked = walk(build_example(score=score, activation=activation, **options))
        assert wrong(walked) == set()
        assert walked.ok
        assert (walked.down[0].number == 0) == SCORES[score].on_tokens


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_unused_steps_are_skipped(options):
    walked = walk(build_example(**{"causal": False} | options))
    used = {name for name in ("softcap", "bias", "dropout") if name in options}
    used |= {"mask"} if options.get("causal") else set()
    for (_, name), stage in stages(walked).items():
        assert stage.skipped == (name in {"softcap", "bias", "mask", "dropout"} - used)
        assert bool(stage.results) == bool(stage.source.lines) == (not stage.skipped)
    assert [stage.number for stage in walked.down] == [1, 2, 3, 4, 5, 6, 7]
    assert [stage.number for stage in walked.up] == [7, 6, 5, 4, 3, 2, 1]
    assert [stage.name for stage in walked.down] == list(STEPS._fields)


def test_every_gradient_is_compared():
    for score in SCORES:
        walked = walk(build_example(score=score, **OPTIONS["everything"]))
        for stage in walked.up:
            assert stage.derivatives.keys() == stage.results.keys()
        names = {name for stage in walked.up for name in stage.results}
        assert {"d_thinned", "d_weights", "d_masked", "d_biased", "d_capped", "d_scores", "d_value"} <= names
        assert {f"d_{name}" for name in walked.example.parameters} <= names
        assert {"d_bias", "d_sinks"} <= names


REST = {name: x for name, x in ALL_OPTIONS.items() if name != "kv_heads"} | {"heads": 2}


@pytest.mark.parametrize("score, options", [*((x, {"heads": 2}) for x in SCORES), ("location", REST)])
def test_every_score_is_right_with_heads(score, options):
    assert wrong(walk(build_example(score=score, **options))) == set()


@pytest.mark.parametrize("softcap", [LEAST_CAP, MOST_CAP])
@pytest.mark.parametrize("query", [[[1, 2]], [[SMALLEST, LARGEST]]])
def test_the_smallest_and_the_largest_softcap_are_no_false_alarm(softcap, query):
    arrays = {"query": query, "key": [[LARGEST, 0], [0, SMALLEST], [0, 0]], "value": SQUARE["value"]}
    assert wrong(walk(build_example(arrays, softcap=softcap))) == set()


def test_grouped_heads_read_the_same_key_head():
    walked = walk(build_example(**ALL_OPTIONS))
    example = walked.example
    out, saved = na.attention_forward(example.query, example.key, example.value, **example.options)
    gradients = na.attention_backward(example.d_out, saved, d_lse=example.d_lse)
    np.testing.assert_array_equal(walked.out, out)
    np.testing.assert_array_equal(walked.gradients.d_key, gradients.d_key)


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


@hypothesis.settings(max_examples=hypothesis.settings().max_examples // 2)
@given(st.data(), st.sampled_from(list(SCORES)), st.sampled_from(list(ACTIVATIONS)), settings)
def test_no_false_alarm(data, score, activation, options):
    """Peaked, tied, tiny, huge, zero: correct code is never reported wrong."""
    shape = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)))
    tokens = data.draw(arrays(float, shape, elements=numbers))
    activation = activation if score == "concat" else None
    given = {"tokens": tokens} if SCORES[score].on_tokens else dict.fromkeys(QUERY_KEY_VALUE, tokens)
    walked = walk(build_example(given, score=score, activation=activation, **options))
    assert wrong(walked) == set()
    assert walked.ok


@hypothesis.settings(max_examples=hypothesis.settings().max_examples // 2)
@given(arrays(float, (2, 2), elements=numbers), st.sampled_from([None, 1, 2]), st.booleans())
def test_no_false_alarm_in_step_0(tokens, heads, lse):
    assert wrong(walk(build_example({"tokens": tokens}, heads=heads, lse=lse))) == set()


def test_cosine_gradients_of_short_vectors_have_a_larger_tolerance():
    given = dict.fromkeys(QUERY_KEY_VALUE, np.array([[1.0], [SMALLEST]]))
    assert walk(build_example(given, score="cosine")).ok


# ------------------------------------------------------------------------------------ with planted faults

FAULTS = [
    ("no-row-sum", "up", "softmax", {}, "d_masked", "rows of d_masked sum to 0"),
    ("softmax-over-queries", "down", "softmax", {}, None, "rows of weights sum to 1"),
    ("scale-twice-in-d-key", "up", "score", {}, "d_key", "<d_query, query> = <d_key, key>"),
    ("d-query-and-d-key-swapped", "up", "score", {"arrays": SQUARE}, "d_query", "Σ_s d_key = 0"),
    ("scale-missing-in-d-query", "up", "score", {}, "d_query", "d_scale * scale = <d_query, query>"),
    ("d-value-untransposed", "up", "values", {"arrays": SQUARE}, "d_value", "Σ_s d_value = Σ_l d_out"),
    ("softcap-without-derivative", "up", "softcap", OPTIONS["everything"], "d_scores", None),
    ("softcap-times-cap", "up", "softcap", OPTIONS["everything"], "d_scores", "|d_scores| ≤ |d_capped|"),
    ("bias-without-gradient", "up", "bias", OPTIONS["everything"], "d_bias", "Σ d_bias = Σ d_biased"),
    (
        "dropout-forgotten-in-backward",
        "up",
        "dropout",
        OPTIONS["everything"],
        "d_weights",
        "<d_weights, weights> = <d_thinned, thinned>",
    ),
]


@pytest.mark.parametrize("name, way, step, options, gradient, law", FAULTS, ids=[row[0] for row in FAULTS])
def test_a_planted_fault_is_first_reported_at_its_step(name, way, step, options, gradient, law):
    built = build_example(**options)
    assert walk(built).ok
    planted = fault(name)
    walked = walk(built, steps=planted.steps)
    assert not walked.ok
    errors = wrong(walked)
    if gradient:
        assert (way, step, gradient) in errors
    if law:
        assert (way, step, law) in errors
    first = next(place for place, stage in stages(walked).items() if not stage.ok)
    assert first == (way, step)
    source = stages(walked)[first].source
    assert source.file.startswith("check/faults/")
    assert all(line.text.strip().removesuffix(", …") in planted.source for line in source.lines)


@pytest.mark.parametrize("fill", [-2.0, None])
def test_a_mask_without_effect_is_first_reported_at_its_step(fill):
    def mask(biased, visible=None):
        return biased if fill is None else np.where(visible, biased, fill), s.MaskSaved(visible)

    walked = walk(build_example(), steps=STEPS._replace(mask=STEPS.mask._replace(forward=mask)))
    first = next(place for place, stage in stages(walked).items() if not stage.ok)
    assert first == ("down", "mask")
    assert ("down", "mask", "exp(masked) is 0 where masked") in wrong(walked)
    assert stages(walked)[first].source.file == "test_walk.py"
    assert stages(walked)[first].source.lines[0].number > mask.__code__.co_firstlineno


def test_a_fault_in_a_score():
    def sign_of_the_weight(d_out, saved):
        g = na.concat_scores_backward(d_out, saved)
        return g._replace(d_weight=-g.d_weight)

    walked = walk(build_example(score="concat"), score=Pair(na.concat_scores_forward, sign_of_the_weight))
    assert wrong(walked) == {
        ("up", "score", "d_weight"),
        ("up", "score", "<d_weight, weight> = <d_query, query> + <d_key, key>"),
    }
