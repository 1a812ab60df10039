"""Right candidates pass, wrong ones fail; precision is recognised; the control sees what is planted."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.cases.profiles import Capabilities, profile
from numpy_attention.check.cases.sensitivity import reference_case
from numpy_attention.check.faults import FAULTS, Fault, fault
from numpy_attention.check.referee.control import run_control
from numpy_attention.check.referee.precision_guess import describe_guesses, finest_guesses
from numpy_attention.check.rounding.error_analysis import TF32
from numpy_attention.check.rounding.formats import FORMATS, roundoff
from numpy_attention.functional.attention.steps import STEPS
from numpy_attention.functional.base.arrays import Pair
from tests.support.candidates import plain, simple, spoiled

OURS = (na.attention_forward, na.attention_backward)


def check(candidate, **asked):
    return na.check_candidate(candidate, **{"causal": "bottom_right", **asked})


# ------------------------------------------------------------------------------------- right and wrong


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_reference_passes_its_own_judgement(dtype):
    report = check(OURS, dtype=dtype)
    assert report.ok
    assert report.status == 0
    assert not report.left_out
    assert len(report.control.caught) > 60
    assert all(verdict.verdict == "PASS" for verdict in report.worst.values())


def test_the_full_profile_passes_too():
    report = check(OURS, profile="full", repeat=1)
    assert report.ok, report
    assert report.setting["cases"] > 100


def test_the_output_may_be_judged_alone():
    report = check(spoiled(CHANGES["d_query"]), forward_only=True)
    assert report.ok, report
    assert set(report.worst) == {"out"}
    assert report.left_out["d_query"] == "no gradient returned"
    assert not check(spoiled(CHANGES["out"]), forward_only=True).ok


def test_a_formula_in_float32_passes_and_is_recognised():
    report = check(plain)
    assert report.ok, report
    assert report.precision == "float32"
    assert set(report.left_out) == {"window", "mask", "softcap", "sinks", "dropout", "q_offset"}
    assert 0.02 < max(verdict.ratio for verdict in report.verdicts) < 1


CHANGES = {
    "out": lambda out, q, k, v: (out * (1 + 0.5), q, k, v),
    "d_query": lambda out, q, k, v: (out, 2 * q, k, v),
    "d_key": lambda out, q, k, v: (out, q, k * (1 - 0.5), v),
    "d_value": lambda out, q, k, v: (out, q, k, v[..., ::-1, :]),
}


@pytest.mark.parametrize("tensor", CHANGES)
def test_the_tensor_that_is_wrong_is_named(tensor):
    report = check(spoiled(CHANGES[tensor]))
    assert report.status == 1
    assert report.reason == f"{tensor} is wrong"
    assert {name for name, v in report.worst.items() if v.verdict == "FAIL"} == {tensor}
    assert f"{tensor} not explained by rounding" in report.precision


def test_broken_laws_are_named_by_number():
    report = check(fault("no-row-sum").pair)
    assert not report.ok
    assert "law 1, a shift of all keys" in report.broken
    assert set(re.findall(r"broken: (law \d+)", str(report))) == {law.split(",")[0] for law in report.broken}


def test_it_is_an_assertion_in_a_test_suite():
    na.assert_matches_reference(simple)
    with pytest.raises(AssertionError, match="FAIL: d_query is wrong"):
        na.assert_matches_reference(spoiled(CHANGES["d_query"]))


# ------------------------------------------------------------------------------- precision and control


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


def test_tf32_products_are_recognised_and_allowed_where_they_are_said():
    attention = rounded_products(FORMATS["float32"]._replace(name="tf32", precision=TF32))
    report = check(attention)
    assert not report.ok
    assert report.precision == "products like TF32, sums like float32"
    said = check(attention, arithmetic="tf32")
    assert said.ok, said
    coarser = check(rounded_products(FORMATS["bfloat16"]), arithmetic="tf32")
    assert not coarser.ok
    assert coarser.precision == "products like bfloat16, sums like float32"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_planted_fault_is_caught_that_can_be_seen(dtype):
    """On smoke, with every option; those that are not are too small in this dtype, and said to be."""
    report = check(OURS, dtype=dtype)
    assert not report.control.missed
    below = set(report.control.below)
    assert all(dtype not in each.dtypes for each in FAULTS if each.name in below)
    assert "delta-from-rounded-output" in below or dtype != "bfloat16"


def test_a_control_that_misses_something_takes_the_verdict_away():
    def barely(d, saved):
        right = STEPS.score.backward(d, saved)
        return right._replace(d_key=right.d_key * (1 + 2.0**-30))

    tiny = fault("no-row-sum")._replace(
        name="too-small", pair=na.attention_with(STEPS._replace(score=Pair(STEPS.score.forward, barely)))
    )
    report = check(OURS, faults=(tiny,))
    assert report.outcome == "NOT JUDGED"
    assert report.status == 3
    assert report.control.missed == ("too-small",)
    unseen = check(OURS, faults=(tiny._replace(dtypes=("float64",)), fault("no-row-sum")))
    assert unseen.ok
    assert unseen.control.below == ("too-small",)
    assert check(OURS, faults=()).outcome == "NOT JUDGED"


def test_a_fault_in_what_is_not_judged_is_not_planted():
    proofs = [reference_case(spec, roundoff("float32")) for spec in profile("smoke", Capabilities())]
    backward = fault("no-row-sum")
    found = run_control(proofs, ("out",), roundoff("float32"), [backward])
    assert (found.caught, found.missed, found.idle) == ((), (), 1)
    (caught,) = run_control(proofs, ("d_query",), roundoff("float32"), [backward]).caught
    assert (caught.fault, caught.verdict.verdict) == ("no-row-sum", "FAIL")
    other: Fault = backward._replace(rule="rotary")
    assert not run_control(proofs, ("d_query",), roundoff("float32"), [other]).caught


def test_what_arithmetic_looks_like_is_the_finest_that_explains_it():
    rounds = roundoff("float32")
    proof = reference_case(profile("smoke", Capabilities())[0], rounds)
    ours = Candidate(OURS, checked_convention()).call(proof.case, NumPy()).tensors
    assert describe_guesses(finest_guesses([(proof, ours)], rounds), rounds) == "float64, rounded once"
