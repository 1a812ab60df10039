"""Examples: defaults, arrays of the user, and errors."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.study.example import ALL_OPTIONS, SCORES, build_example


def test_default_has_four_distinct_arrays_and_no_query_that_sees_one_key():
    built = build_example()
    arrays = [built.query, built.key, built.value, built.d_out]
    assert [x.shape for x in arrays] == [(2, 2), (3, 2), (3, 2), (2, 2)]
    assert len({x.tobytes() for x in arrays}) == 4
    assert repr(built.options["mask"]) == "na.causal('bottom_right')"
    assert built.options["mask"].array(2, 3).sum(axis=1).tolist() == [2, 3]
    assert built.options["scale"] == 1 / np.sqrt(2)
    assert not built.shared
    assert built.projection is None


@pytest.mark.parametrize("score", SCORES)
def test_default_inputs_and_mask_of_each_score(score):
    built = build_example(score=score)
    on_tokens = score in ("concat", "location")
    assert built.shared == on_tokens
    assert (built.options["mask"] is None) == on_tokens
    if on_tokens:
        np.testing.assert_array_equal(built.query, built.key)
        np.testing.assert_array_equal(built.query, built.value)
        assert len({id(built.query), id(built.key), id(built.value)}) == 3


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("score", SCORES)
def test_causal_overrides_the_default(score, causal):
    assert (build_example(score=score, causal=causal).options["mask"] is not None) == causal


def test_options_reach_attention():
    built = build_example(softcap=3.0, bias=True, sinks=-1.0, dropout=0.25, seed=7)
    options = built.options
    assert (options["softcap"], float(options["sinks"])) == (3.0, -1.0)
    assert options["bias"].shape == (2, 3)
    assert repr(options["dropout"]) == "na.dropout(seed=7, rate=0.25)"
    na.attention(built.query, built.key, built.value, **options)


def test_given_arrays_are_used_and_missing_ones_filled():
    given = {
        "query": [[1, 2, 3]],
        "key": [[1, 0, 1, 0], [2, 0, 0, 1]],
        "value": np.eye(2),
        "weight": np.arange(12).reshape(3, 4),
    }
    built = build_example(given, score="general")
    assert built.query.dtype == np.float64
    np.testing.assert_array_equal(built.parameters["weight"], given["weight"])
    assert built.d_out.shape == (1, 2)
    assert built.options["mask"] is None
    assert build_example({**given, "d_out": [[5, 6]]}, score="general").d_out.tolist() == [[5, 6]]
    assert build_example({"scale": 2}).options["scale"] == 2
    assert build_example({"tokens": [[1, 2]]}, score="concat").shared


def test_tokens_become_query_key_and_value_by_three_matrices():
    built = build_example({"tokens": [[1, 2], [3, 4]], "W_Q": [[0, 1], [1, 0]], "d_out": [[1, 2], [3, 4]]})
    assert built.query.tolist() == [[2, 1], [4, 3]]
    assert not built.shared
    assert built.options["mask"] is not None
    memory = build_example({"tokens": [[1, 2]], "memory": [[3, 4, 5], [6, 7, 8]]})
    assert (memory.query.shape, memory.key.shape) == ((1, 2), (2, 2))
    assert memory.options["mask"] is None
    assert build_example({"tokens": [[1, 2]], "W_V": [[1, 2]]}, score="concat").value.tolist() == [[5]]


def test_heads_cross_attention_and_windows():
    built = build_example(heads=4, kv_heads=2, cross=True, bias=True, sinks=1.0, lse=True)
    shapes = [x.shape for x in (built.query, built.key, built.value, built.d_out, built.d_lse)]
    assert shapes == [(4, 2, 2), (2, 4, 2), (2, 4, 2), (4, 2, 2), (4, 2)]
    assert (built.options["bias"].shape, built.options["sinks"].shape) == ((4, 1, 4), (4,))
    assert built.options["mask"] is None
    assert repr(build_example(heads=2).options["mask"]) == "na.causal()"
    assert repr(build_example(window=(1, 0)).options["mask"]) == "na.window(1, 0, 'bottom_right')"
    assert repr(build_example(heads=1, window=(0, 1)).options["mask"]) == "na.window(0, 1)"
    assert build_example(cross=True).key.shape == (4, 2)
    joined = build_example({"tokens": [[1, 2]], "d_out": [[1, 2, 3, 4]]}, heads=2)
    assert joined.d_out.tolist() == [[[1, 2]], [[3, 4]]]


@pytest.mark.parametrize("score", SCORES)
def test_every_score_takes_heads(score):
    assert build_example(score=score, heads=2).query.shape == (2, 3, 2)


def test_all_options_are_all():
    built = build_example(**ALL_OPTIONS)
    assert all(option is not None for option in built.options.values())
    assert len(built.options) == 6
    assert all(x is not None for x in built.projection)
    assert built.d_lse is not None
    visible = built.options["mask"].array(2, 4)
    assert visible.sum(axis=1).tolist() == [2, 2]


@pytest.mark.parametrize(
    "arrays, options, message",
    [
        ({}, {"score": "dott"}, "score is 'dott'"),
        ({}, {"activation": "tanh"}, "activation is 'tanh', but dot scores have none"),
        ({}, {"score": "concat", "activation": "softplus"}, "activation is 'softplus'"),
        (
            {"weight": [[1, 2], [3, 4]]},
            {},
            "'weight' is unknown to dot scores; they take tokens, memory, W_Q, W_K, W_V, query, key, value, "
            "d_out, scale",
        ),
        ({"tokens": [[1, 2]], "key": [[1, 2]]}, {}, "come from tokens; got key beside it"),
        ({"query": [[1]], "key": [[1]], "value": [[1]]}, {"heads": 1}, "heads belongs to tokens"),
        ({"query": [[1]], "key": [[1]], "value": [[1]]}, {"cross": True}, "cross belongs to tokens"),
        ({"tokens": [[1, 2]]}, {"cross": True}, "give memory beside tokens"),
        ({}, {"score": "general", "heads": 2, "kv_heads": 1}, "only dot scores share key heads here"),
        ({}, {"causal": True, "window": (1, 0)}, "causal and window are two masks"),
        ({}, {"align": "left", "window": (1, 0)}, "align is 'left'"),
        ({"tokens": [[1, 2]], "d_out": [[1, 2]]}, {"heads": 2}, "d_out has shape (1, 2); (1, 4)"),
        ({"key": [[1, 2]], "query": [[1, 2]]}, {}, "got query, key alone"),
        ({"query": [[1]], "key": [[1], [2]], "value": [[1], [2]]}, {"causal": True}, "not 1 and 2, or align"),
        ({}, {"sinks": float("nan")}, "sinks is nan"),
        ({}, {"dropout": 1.0}, "rate is 1.0"),
        (
            dict.fromkeys(("query", "key", "value"), np.ones((1, 2, 3, 4))),
            {},
            "query has shape (1, 2, 3, 4); rows (L, width) of one call, or (heads, L, width)",
        ),
        ({}, {"bias": np.ones((2, 3))}, "bias is an array (2, 3); True or False is expected"),
        ({}, {"causal": "no"}, "causal is 'no'; True or False is expected"),
        ({}, {"heads": 2.0}, "heads has dtype float64; whole numbers are expected"),
        ({}, {"kv_heads": True}, "kv_heads has dtype bool"),
        ({}, {"window": 2}, "window is 2; (left, right), the keys on each side, is expected"),
        ({}, {"window": (1,)}, "window is (1,); (left, right)"),
    ],
)
def test_invalid_arguments_are_refused(arrays, options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        build_example(arrays, **options)
