"""Problems: what is filled in, what is given, what is refused."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.study.example import PATTERN, SCORES, example, pattern


def test_the_default_keeps_three_different_arrays_and_a_causal_mask():
    told = example()
    arrays = [told.query, told.key, told.value, told.d_out]
    assert [x.shape for x in arrays] == [(3, 2)] * 4
    assert len({x.tobytes() for x in arrays}) == 4
    assert repr(told.options["mask"]) == "na.causal()"
    assert told.options["scale"] == 1 / np.sqrt(2)
    assert not told.shared


@pytest.mark.parametrize("score", SCORES)
def test_who_starts_from_tokens_and_who_is_causal(score):
    told = example(score=score)
    on_tokens = score in ("concat", "location")
    assert told.shared == on_tokens
    assert (told.options["mask"] is None) == on_tokens
    if on_tokens:
        np.testing.assert_array_equal(told.query, told.key)
        np.testing.assert_array_equal(told.query, told.value)
        assert len({id(told.query), id(told.key), id(told.value)}) == 3


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("score", SCORES)
def test_causal_can_be_said(score, causal):
    assert (example(score=score, causal=causal).options["mask"] is not None) == causal


def test_options_reach_attention():
    told = example(softcap=3.0, bias=True, sinks=-1.0, dropout=0.25, seed=7)
    options = told.options
    assert (options["softcap"], float(options["sinks"])) == (3.0, -1.0)
    assert options["bias"].shape == (3, 3)
    assert repr(options["dropout"]) == "na.dropout(seed=7, rate=0.25)"
    na.attention(told.query, told.key, told.value, **options)


def test_what_is_given_is_taken_and_what_is_missing_is_filled():
    given = {
        "query": [[1, 2, 3]],
        "key": [[1, 0, 1, 0], [2, 0, 0, 1]],
        "value": np.eye(2),
        "weight": np.arange(12).reshape(3, 4),
    }
    told = example(given, score="general")
    assert told.query.dtype == np.float64
    np.testing.assert_array_equal(told.parameters["weight"], given["weight"])
    assert told.d_out.shape == (1, 2)
    assert told.options["mask"] is None
    assert example({**given, "d_out": [[5, 6]]}, score="general").d_out.tolist() == [[5, 6]]
    assert example({"scale": 2}).options["scale"] == 2
    assert example({"tokens": [[1, 2]]}).shared


@pytest.mark.parametrize(
    "given, options, told",
    [
        ({}, {"score": "dott"}, "score is 'dott'"),
        ({}, {"activation": "tanh"}, "activation is 'tanh', but dot scores have none"),
        ({}, {"score": "concat", "activation": "softplus"}, "activation is 'softplus'"),
        (
            {"weight": [[1, 2], [3, 4]]},
            {},
            "'weight' is unknown to dot scores; they take tokens, query, key, value, d_out, scale",
        ),
        ({"tokens": [[1, 2]], "key": [[1, 2]]}, {}, "key cannot be given beside them"),
        ({"key": [[1, 2]], "query": [[1, 2]]}, {}, "query, key without the rest"),
        ({"query": [[1]], "key": [[1], [2]], "value": [[1], [2]]}, {"causal": True}, "not 1 and 2"),
        ({}, {"sinks": float("nan")}, "sinks is nan"),
        ({}, {"dropout": 1.0}, "rate is 1.0"),
    ],
)
def test_what_is_refused(given, options, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        example(given, **options)


def test_the_pattern_repeats_in_no_small_shape():
    assert len(set(PATTERN)) == 7
    for shape in ((3, 2), (3, 3), (4, 5), (8, 8)):
        array = pattern(shape, 3)
        assert len({row.tobytes() for row in array}) == min(7, len(array))
