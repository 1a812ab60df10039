"""Output, weights, lse and gradients are read from every form in use; nothing is dropped in silence."""

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.candidate.returned import KNOWN_NAMES, ReturnError, in_base_two
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from tests.support.candidates import check, simple

CASE = draw_case(Specification("plain", Shape(2, 3, 3, 5, 7, 4, 6)))
RIGHT = results(CASE)


@dataclass
class Output:
    output: Any
    attn_weights: Any = None
    logsumexp: Any = None


Named = namedtuple("Named", "attn_output probs")


def computed(query, key, value):
    _, saved = na.attention_forward(query, key, value)
    return saved.weights @ value, saved.weights, saved.lse


def called(form, **convention):
    candidate = Candidate(lambda query, key, value: form(*computed(query, key, value)), checked_convention())
    return candidate, candidate.call(CASE, NumPy()).tensors


@pytest.mark.parametrize(
    "form, names",
    [
        (lambda out, weights, lse: out, {"out"}),
        (lambda out, weights, lse: (out, None), {"out"}),
        (lambda out, weights, lse: (out, weights), {"out", "weights"}),
        (lambda out, weights, lse: [out, lse], {"out", "lse"}),
        (lambda out, weights, lse: (out, lse, weights, None), {"out", "weights", "lse"}),
        (lambda out, weights, lse: (out, lse[..., None]), {"out", "lse"}),
        (lambda out, weights, lse: (out, lse.swapaxes(1, 2)), {"out", "lse"}),
        (lambda out, weights, lse: (out, np.pad(lse, ((0, 0), (0, 0), (0, 123)))), {"out", "lse"}),
        (lambda out, weights, lse: (out, {"softmax_lse": lse}), {"out", "lse"}),
        (lambda out, weights, lse: Output(out, weights, lse), {"out", "weights", "lse"}),
        (lambda out, weights, lse: Named(out, weights), {"out", "weights"}),
        (lambda out, weights, lse: SimpleNamespace(o=out, lse=lse), {"out", "lse"}),
        (lambda out, weights, lse: {"result": out, "attn": weights, "lse": None}, {"out", "weights"}),
    ],
)
def test_output_with_weights_or_lse_is_understood(form, names):
    _, tensors = called(form)
    assert set(tensors) == names
    for name, x in tensors.items():
        np.testing.assert_allclose(x.numbers, getattr(RIGHT, name), rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "form, message",
    [
        (lambda out, weights, lse: (out, 3 * weights), "whose rows do not sum to 1; return a dict with out"),
        (
            lambda out, weights, lse: (out, weights.mean(1)),
            r"\(2, 5, 7\) \(averaged over heads\?\), which is",
        ),
        (lambda out, weights, lse: (out, out), "neither weights .* nor lse .*; return a dict with out"),
        (lambda out, weights, lse: (out, lse, lse), "returns lse twice, as entry 3 again"),
        (lambda out, weights, lse: (out, (out, out, out)), "a tuple of gradients, but takes no d_out"),
        (lambda out, weights, lse: {"lse": lse}, "returns no out"),
        (lambda out, weights, lse: {"out": out, "d_nothing": out}, "'d_nothing', which is no known gradient"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_return(form, message):
    with pytest.raises(ReturnError, match=message):
        called(form)


def test_results_that_contain_themselves_or_cannot_be_read_are_refused():
    endless: list[Any] = []
    endless.append(endless)
    for result in (endless, (RIGHT.out, endless), object(), print, (x for x in [1])):
        with pytest.raises(ReturnError):
            called(lambda *_, result=result: result)
    for array in (np.array([None]), np.ones(3, complex), np.array("x")):
        assert "where real numbers are expected" in check(lambda q, k, v, array=array: array).reason


def test_what_is_returned_besides_and_what_is_padded_is_named_in_the_report():
    candidate, _ = called(
        lambda out, weights, lse: {"out": out, "seed": 3, "lse": np.pad(lse, 64)[64:-64, 64:-64, 64:]}
    )
    assert candidate.reading.unread == {"the returned seed": "no known name of a result"}
    padded, _ = called(lambda out, weights, lse: (out, np.pad(lse, ((0, 0), (0, 0), (0, 123)))))
    assert [*padded.reading.notes] == ["lse is padded to 128 positions: the first 5 are judged"]
    report = check(lambda query, key, value: {"out": simple(query, key, value, d_out=query)[0], "seed": 3})
    assert report.left_out["the returned seed"] == "no known name of a result"


def test_an_lse_in_base_two_is_said_to_be_so():
    assert in_base_two(np.array([1.0, 3.0]) / np.log(2), np.array([1.0, 3.0]))
    assert not in_base_two(np.array([1.0, 3.0]), np.array([1.0, 3.0]))
    report = check(lambda q, k, v: (computed(q, k, v)[0], computed(q, k, v)[2] / np.float32(np.log(2))))
    assert "lse is in base 2: return ln 2 times it, or leave it out" in report.notes
    assert not report.ok


@pytest.mark.parametrize(
    "names",
    [
        "dq dk dv",
        *(
            pytest.param(names, marks=pytest.mark.slow)
            for names in ("d_q d_k d_v", "dQ dK dV", "grad_query grad_key grad_value", "q_grad k_grad v_grad")
        ),
    ],
)
def test_gradients_go_by_every_common_name(names):
    def attention(query, key, value, *, d_out):
        out, gradients = simple(query, key, value, d_out=d_out)
        return out, dict(zip(names.split(), gradients, strict=True))

    assert set(check(attention).worst) == {"out", "d_query", "d_key", "d_value"}
    wrong = check(lambda query, key, value, *, d_out: (attention(query, key, value, d_out=d_out)[0], dict(
        zip(names.split(), map(np.zeros_like, (query, key, value)), strict=True))))  # fmt: skip
    assert wrong.outcome == "FAIL"
    assert KNOWN_NAMES["dbias"] == KNOWN_NAMES["dattnbias"] == "d_bias"
