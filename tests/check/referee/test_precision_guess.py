"""The apparent arithmetic is the finest whose error bound holds."""

import numpy as np
import pytest

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import CandidateArray, NumPy
from numpy_attention.check.cases.sensitivity import reference_case
from numpy_attention.check.cases.specification import Shape, Specification
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.referee.control import run_control
from numpy_attention.check.referee.judging import CaseJudgement, judge_tensor
from numpy_attention.check.referee.precision_guess import (
    coarser_arithmetics,
    describe_guesses,
    explaining_arithmetic,
    finest_guesses,
    precision_guesses,
)
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.rounding.error_analysis import TF32
from numpy_attention.check.rounding.formats import FORMATS, roundoff
from tests.support.candidates import FEW, OURS, check, plain_case, spoiled


def rounded_products(fmt):
    """`simple` with the factors of every product rounded first, as TF32 units do."""

    def cut(x):
        return fmt.rounded(x).astype(x.dtype)

    def attention(query, key, value, *, d_out):
        group = query.shape[1] // key.shape[1]
        keys, values = np.repeat(key, group, 1), np.repeat(value, group, 1)
        scale = query.dtype.type(query.shape[-1] ** -0.5)
        scores = scale * (cut(query) @ cut(keys).swapaxes(-1, -2))
        powers = np.exp(scores - scores.max(-1, keepdims=True, initial=-1e30))
        weights = powers / powers.sum(-1, keepdims=True)
        out = cut(weights) @ cut(values)
        d = cut(d_out) @ cut(values).swapaxes(-1, -2)
        d_scores = scale * weights * (d - (d_out * out).sum(-1, keepdims=True))

        def of_keys(x):
            return x.reshape(*key.shape[:2], group, *x.shape[2:]).sum(2)

        d_keys = cut(d_scores).swapaxes(-1, -2) @ cut(query)
        d_values = cut(weights).swapaxes(-1, -2) @ cut(d_out)
        return out, (cut(d_scores) @ cut(keys), of_keys(d_keys), of_keys(d_values))

    return attention


def test_tf32_products_are_recognised_and_pass_as_tf32():
    attention = rounded_products(FORMATS["float32"]._replace(name="tf32", precision=TF32))
    report = check(attention)
    assert not report.ok
    assert report.precision == "products like TF32, sums like float32"
    stated = check(attention, arithmetic="tf32")
    assert stated.ok, stated
    coarser = check(rounded_products(FORMATS["bfloat16"]), arithmetic="tf32")
    assert not coarser.ok
    assert coarser.precision == "products like bfloat16, sums like float32"


def test_the_finest_arithmetic_that_explains_all_errors_is_named():
    reference, rounding = plain_case(), roundoff("float32")
    ours = Candidate(OURS, checked_convention()).call(reference.case, NumPy()).tensors
    steps = finest_guesses([(reference, ours)], rounding)
    assert set(steps.values()) == {0}
    assert describe_guesses(steps, rounding) == "float64, rounded once"
    wrong = {"out": CandidateArray(2 * ours["out"].numbers, "float32")}
    steps = finest_guesses([(reference, ours), (reference, wrong)], rounding)
    assert steps["out"] == len(precision_guesses(rounding))
    assert describe_guesses(steps, rounding) == "float64, rounded once; out not explained by rounding"


def test_guesses_end_with_the_coarsest_arithmetic_and_know_the_storage_format():
    labels = [guess.label for guess in precision_guesses(roundoff("float16"))]
    assert labels[:3] == ["float64, rounded once", "float32", "float32, weights kept in float16"]
    assert labels[-1] == "bfloat16 after every operation"
    assert precision_guesses(roundoff("float64"))[0].label == "float64"
    assert describe_guesses({}, roundoff("float32")) == ""


# ---------------------------------------------------------------------------- right, but only as coarser


def rounded_to_bfloat16(*results):
    """Results of float32 that are rounded to bfloat16, far too coarse for float32."""
    return tuple(FORMATS["bfloat16"].rounded(x).astype(np.float32) for x in results)


def test_a_coarser_arithmetic_is_named_and_is_no_failure_unless_another_was_asked():
    attention = rounded_products(FORMATS["float32"]._replace(name="tf32", precision=TF32))
    report = check(attention)
    words = "right as products like TF32, sums like float32; judged as float32 accumulation it is not"
    assert (report.outcome, report.status, report.coarser) == ("COARSER", 3, "tf32")
    assert str(report).splitlines()[0] == f"COARSER: {words}"
    assert check(attention, arithmetic=report.coarser).ok
    asked = check(attention, arithmetic="float32")
    assert asked.outcome == "FAIL"
    assert asked.reason.endswith(words)


def test_products_of_bfloat16_numbers_are_right_as_bfloat16():
    report = check(rounded_products(FORMATS["bfloat16"]))
    assert (report.outcome, report.coarser) == ("COARSER", "bfloat16")


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_planted_fault_passes_for_rounding(dtype, every):
    """A mistake is not an arithmetic, whatever its size."""
    rounding, failed = roundoff(dtype), 0
    many = ("causal", "bias", "softcap", "sinks", "d_lse", "scale_array")
    references = [
        reference_case(Specification("few", Shape(2, 6, 3, 11, 17, 7, 5), options, dtype=dtype), rounding)
        for options in ((), many, ("mask", "dropout", "scale"))
    ]
    for each in [each for each in FAULTS if each.concerns_laws][::every]:
        judged = [(p, judged_as(each.pair, p, rounding)) for p in references if each.active(p.case)]
        if any(not verdict.ok for _, judgement in judged for verdict in judgement.verdicts):
            failed += 1
            assert explaining_arithmetic(judged, rounding, NumPy(), plant) == "", each.name
    assert failed > 50 / every


def plant(cases, rounding):
    return run_control(cases, rounding, FEW)


def judged_as(pair, reference, rounding):
    """The judgement on the results of a pair in float64, stored in the dtype of the case."""
    wrong = results(reference.case.dense(), pair.forward, pair.backward)
    kept = reference.case.format
    found = {name: x for name, x in wrong._asdict().items() if x is not None}
    tensors = {name: CandidateArray(kept.rounded(x), kept.name) for name, x in found.items()}
    verdicts = (judge_tensor(reference, n, x, NumPy(), rounding) for n, x in tensors.items())
    return CaseJudgement(tensors, tuple(verdict for verdict in verdicts if verdict is not None))


@pytest.mark.parametrize("factor", [1 + 2.0**-10, 1 - 2.0**-9, 1 + 2.0**-7])
def test_a_factor_is_no_rounding(factor):
    """All errors have one sign; or one gradient is wrong, and the output as exact as ever."""

    def everywhere(*results):
        return tuple(x * np.float32(factor) for x in results)

    def in_one(out, d_query, d_key, d_value):
        return out, d_query * np.float32(factor), d_key, d_value

    for change in (everywhere, in_one):
        report = check(spoiled(change))
        assert (report.outcome, report.coarser) == ("FAIL", "")


def test_rounding_in_one_gradient_alone_is_a_failure():
    def change(out, d_query, d_key, d_value):
        return out, d_query, *rounded_to_bfloat16(d_key), d_value

    assert check(spoiled(change)).outcome == "FAIL"


def test_coarser_arithmetics_end_with_the_coarsest():
    assert coarser_arithmetics(roundoff("float64")) == ("float32", "tf32", "bfloat16")
    assert coarser_arithmetics(roundoff("bfloat16", "bfloat16")) == ()
    assert coarser_arithmetics(roundoff("float8_e4m3", "float8")) == ()
