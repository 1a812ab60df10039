"""The apparent arithmetic is the finest whose error bound holds."""

import numpy as np

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import CandidateArray, NumPy
from numpy_attention.check.referee.precision_guess import describe_guesses, finest_guesses, precision_guesses
from numpy_attention.check.rounding.error_analysis import TF32
from numpy_attention.check.rounding.formats import FORMATS, roundoff
from tests.support.candidates import OURS, check, plain_case


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
