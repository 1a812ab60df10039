"""Whatever form a candidate returns its numbers in, they come out by name, and in this project's axes."""

from typing import NamedTuple

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.candidate.returned import ReturnError
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from tests.support.candidates import plain

CASE = draw_case(
    Specification("rich", Shape(2, 6, 3, 11, 17, 7, 5), ("causal", "bias"), corner="bottom_right")
)
RIGHT = results(CASE)


def called(function, case=CASE, **convention):
    return Candidate(function, checked_convention(**convention)).call(case, NumPy()).tensors


def assert_right(tensors, *expected):
    assert set(tensors) == set(expected)
    for name in expected:
        got = tensors[name].numbers
        np.testing.assert_allclose(got, getattr(RIGHT, name), rtol=0, atol=1e-5, err_msg=name)


GRADIENTS = ("d_query", "d_key", "d_value", "d_bias")


class Named(NamedTuple):
    d_bias: np.ndarray
    d_value: np.ndarray
    d_key: np.ndarray
    d_query: np.ndarray


def with_d_out(form):
    def attention(query, key, value, causal=False, bias=None, *, d_out):
        return form(*plain(query, key, value, causal, bias, d_out=d_out))

    return attention


@pytest.mark.parametrize(
    "form",
    [
        lambda out, grads: (out, grads),
        lambda out, grads: (out, Named(*grads[::-1])),
        lambda out, grads: [out, [*grads, None, None]],
        lambda out, grads: {"out": out, **dict(zip(GRADIENTS, grads, strict=True))},
        lambda out, grads: (out, dict(zip(GRADIENTS, grads, strict=True)) | {"d_scale": None}),
        lambda out, grads: (out, *grads),
        lambda out, grads: (out, dict(zip(("dq", "grad_key", "dV", "dbias"), grads, strict=True))),
    ],
)
def test_output_and_gradients_are_read_from_any_form(form):
    assert_right(called(with_d_out(form)), "out", *GRADIENTS)


def test_three_gradients_belong_to_query_key_and_value():
    assert_right(called(with_d_out(lambda out, grads: (out, grads[:3]))), "out", *GRADIENTS[:3])


def test_a_pair_in_this_projects_form_is_called_with_mask_values():
    tensors = called((na.attention_forward, na.attention_backward))
    assert_right(tensors, "out", "weights", "lse", *GRADIENTS)
    assert tensors["out"].dtype == "float32"
    candidate = Candidate(na.STEPS.score, checked_convention())
    assert candidate.form == "pair"


def test_a_pair_takes_cotangents_of_lse_and_weights():
    options = ("d_lse", "d_weights", "scale_array", "sinks")
    case = draw_case(Specification("extras", Shape(2, 6, 3, 11, 17, 7, 5), options))
    candidate = Candidate((na.attention_forward, na.attention_backward), checked_convention())
    assert set(options) <= set(candidate.options)
    tensors, right = candidate.call(case, NumPy()).tensors, results(case)
    for name in ("d_query", "d_scale", "d_sinks"):
        np.testing.assert_allclose(tensors[name].numbers, getattr(right, name), rtol=0, atol=1e-5)


def test_a_bare_array_is_the_output():
    attention = lambda q, k, v, causal=False, bias=None: plain(q, k, v, causal, bias, d_out=CASE.d_out)[0]  # noqa: E731
    assert_right(called(attention), "out")


def test_blhd_layout_is_transposed_both_ways():
    def attention(query, key, value, causal=False, bias=None, *, d_out):
        assert query.shape == (2, 11, 6, 7)
        arrays = (x.swapaxes(1, 2) for x in (query, key, value))
        out, gradients = plain(*arrays, causal, bias, d_out=d_out.swapaxes(1, 2))
        return out.swapaxes(1, 2), tuple(g.swapaxes(1, 2) for g in gradients[:3]) + gradients[3:]

    assert_right(called(attention, layout="BLHD"), "out", *GRADIENTS)


@pytest.mark.parametrize("way", ["visible", "hidden", "additive"])
def test_masks_have_the_stated_meaning(way):
    case = draw_case(Specification("masked", Shape(2, 3, 3, 5, 7, 4, 4), ("mask",)))
    received = {}

    def attention(query, key, value, mask=None, *, d_out):
        received["mask"] = mask
        return query @ key.swapaxes(-1, -2) @ value

    called(attention, case, mask=way)
    pairs = case.options["mask"]
    right = {"visible": pairs, "hidden": ~pairs, "additive": np.where(pairs, 0, -np.inf)}[way]
    np.testing.assert_array_equal(received["mask"], right)
    assert received["mask"].dtype == (np.float32 if way == "additive" else bool)


@pytest.mark.parametrize(
    "result, message",
    [
        (None, "returns nothing"),
        ((), "returns an empty tuple"),
        ((np.ones(3), 2, 3), "returns int, where an array as entry 2 is expected; return a dict with out"),
        ({"a": 1}, "returns 'a' by name; return a dict with out"),
        ({"output": 1}, "returns int, where an array as output is expected"),
        ({"out": np.ones(3), "d_nothing": 0}, "returns 'd_nothing', which is no known gradient"),
        ({"out": np.ones(3), "dq": 1, "grad_q": 1}, "returns both 'dq' and 'grad_q', which mean d_query"),
        ({}, "returns nothing by name"),
        (iter(()), "returns tuple_iterator, where an output is expected"),
        ("out", "returns str, where an output is expected"),
    ],
)
def test_an_unreadable_result_is_described(result, message):
    with pytest.raises(ReturnError, match=message):
        called(lambda query, key, value, causal=False, bias=None, *, d_out: result)


def test_too_few_gradients_are_refused():
    with pytest.raises(ReturnError, match="returns 2 gradients; 4 are expected: d_query, d_key, d_value"):
        called(with_d_out(lambda out, grads: (out, grads[:2])))


def test_a_changed_input_and_a_missing_gradient_are_problems():
    def attention(query, key, value, causal=False, bias=None, *, d_out):
        out, (d_query, d_key, _, d_bias) = plain(query, key, value, causal, bias, d_out=d_out)
        key[0, 0, 0, 0] += 1
        return out, (d_query, d_key, None, d_bias)

    outcome = Candidate(attention, checked_convention()).call(CASE, NumPy())
    assert outcome.problems == ("changes its input key", "returns no gradient for value")


def test_a_candidate_must_be_callable():
    with pytest.raises(TypeError, match="the candidate is int"):
        Candidate(3, checked_convention())
