"""Examples: defaults, arrays of the user, and errors."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.study.example import PATTERN, SCORES, build_example, filled


def test_default_has_four_distinct_arrays_and_a_causal_mask():
    built = build_example()
    arrays = [built.query, built.key, built.value, built.d_out]
    assert [x.shape for x in arrays] == [(3, 2)] * 4
    assert len({x.tobytes() for x in arrays}) == 4
    assert repr(built.options["mask"]) == "na.causal()"
    assert built.options["scale"] == 1 / np.sqrt(2)
    assert not built.shared


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
    assert options["bias"].shape == (3, 3)
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
    assert build_example({"tokens": [[1, 2]]}).shared


@pytest.mark.parametrize(
    "arrays, options, message",
    [
        ({}, {"score": "dott"}, "score is 'dott'"),
        ({}, {"activation": "tanh"}, "activation is 'tanh', but dot scores have none"),
        ({}, {"score": "concat", "activation": "softplus"}, "activation is 'softplus'"),
        (
            {"weight": [[1, 2], [3, 4]]},
            {},
            "'weight' is unknown to dot scores; they take tokens, query, key, value, d_out, scale",
        ),
        ({"tokens": [[1, 2]], "key": [[1, 2]]}, {}, "got key beside them"),
        ({"key": [[1, 2]], "query": [[1, 2]]}, {}, "got query, key alone"),
        ({"query": [[1]], "key": [[1], [2]], "value": [[1], [2]]}, {"causal": True}, "not 1 and 2"),
        ({}, {"sinks": float("nan")}, "sinks is nan"),
        ({}, {"dropout": 1.0}, "rate is 1.0"),
    ],
)
def test_invalid_arguments_are_refused(arrays, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build_example(arrays, **options)


def test_filled_rows_do_not_repeat():
    assert len(set(PATTERN)) == 7
    for shape in ((3, 2), (3, 3), (4, 5), (8, 8)):
        array = filled(shape, 3)
        assert len({row.tobytes() for row in array}) == min(7, len(array))
