"""A refused call is declined; an exception that depends on numbers, chance or other calls is a fault."""

import itertools

import numpy as np
import pytest

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.capabilities import Constraints, probe
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.candidate.refusals import refusal
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.inputs import Shape
from tests.support.candidates import check, plain, simple


def refused(attention, **fields):
    candidate = Candidate(attention, checked_convention())
    case = draw_case(Specification("a case", Shape(2, 2, 2, 5, 7, 4, 3))._replace(**fields))
    result = candidate.run(case, NumPy(), 60)
    return refusal(candidate, case, result, NumPy(), 60)


def raising(error, when=lambda **given: True):
    def attention(query, key, value, causal=False, bias=None, *, d_out):
        if when(query=query, causal=causal, bias=bias):
            raise error
        return plain(query, key, value, causal, bias, d_out=d_out)

    return attention


def both(query, causal, bias):
    return causal and bias is not None


@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError, AssertionError, NotImplementedError])
def test_a_refused_combination_is_declined(error):
    reason = refused(raising(error("bias with causal"), both), options=("causal", "bias"))
    assert "bias with causal" in reason
    report = check(raising(error("bias with causal"), both))
    assert not report.problems
    assert any("bias with causal" in reason for reason in report.coverage.declined)
    assert "causal" not in report.left_out


@pytest.mark.parametrize("error", [IndexError, ZeroDivisionError, KeyError, MemoryError])
def test_other_exceptions_are_faults(error):
    assert refused(raising(error("a slip"), both), options=("causal", "bias")) == ""


def test_an_exception_that_depends_on_the_numbers_or_on_chance_is_a_fault():
    large = raising(AssertionError("not finite"), lambda query, **_: np.abs(query).max() > 10)
    assert refused(large, inputs="peaked", options=("causal", "bias")) == ""
    calls = itertools.count()
    assert refused(raising(ValueError("sometimes"), lambda **_: next(calls) % 2 == 0)) == ""
    second = itertools.count()
    again = raising(ValueError("again"), lambda **_: next(second) % 2 == 1)
    assert refused(again, mode="called before") == ""


def test_an_exception_in_backward_is_a_fault():
    def forward(query, key, value):
        return value, None

    def backward(d_out, saved):
        raise RuntimeError("no gradient")

    assert refused((forward, backward)) == ""


def test_an_option_that_is_refused_alone_is_left_out_by_name():
    report = check(raising(ValueError("no bias here"), lambda bias, **_: bias is not None))
    assert report.left_out["bias"].startswith("raises ValueError: no bias here")
    assert not report.problems


def probed(function, constraints=Constraints(), dtype="float32", **convention):  # noqa: B008
    return probe(Candidate(function, checked_convention(**convention)), constraints, dtype, 0, 60)


def test_not_implemented_at_the_first_call_is_said():
    result = probed(raising(NotImplementedError("forward only on Sundays")))
    assert result.not_implemented
    assert "forward only on Sundays" in result.failure
    assert not probed(raising(IndexError())).not_implemented


NUMPY = Constraints(framework="numpy")


@pytest.mark.parametrize(
    "function, options, message",
    [
        (lambda q, k, v: None, {}, "the candidate returns nothing, where an output is expected"),
        (lambda q, k, v: (q, q), {}, "the candidate returns an array of shape .* return a dict with out"),
        (
            raising(TypeError("float32 only"), lambda query, **_: query.dtype != "f4"),
            {"dtype": "float64", "constraints": NUMPY},
            "dtype is float64, which the candidate refuses: raises TypeError: float32 only",
        ),
        (
            raising(ValueError("width"), lambda query, **_: query.shape[-1] > 64),
            {"constraints": Constraints(head_dims=(64, 128))},
            "head_dims has 128, which the candidate refuses",
        ),
        (
            raising(ValueError("blocks"), lambda query, **_: query.shape[-2] % 128),
            {},
            "takes 128 positions of width 64, and refuses 5 of width 4: add --length-multiple",
        ),
        (simple, {"constraints": NUMPY._replace(device="cuda")}, "device is 'cuda', which is for torch"),
        (simple, {"dtype": "bfloat16", "constraints": NUMPY}, "which NumPy has only with ml_dtypes"),
    ],
)
def test_what_was_asked_for_and_not_done_is_an_error(function, options, message, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    with pytest.raises(ValueError, match=message):
        probed(function, **options)
