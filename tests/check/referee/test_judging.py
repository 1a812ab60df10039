"""One case: the worst of several runs is judged, with dtypes, noise between runs and broken laws."""

import itertools

import numpy as np

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import CandidateArray, Emulated, NumPy
from numpy_attention.check.referee.judging import broken_laws, judge_case, other_dtypes, result_format
from numpy_attention.check.rounding.formats import FORMATS, roundoff
from tests.support.candidates import check, plain_case, simple, spoiled

FLOAT32 = roundoff("float32")


def judge(candidate, repeat=1):
    return judge_case(Candidate(candidate, checked_convention()), plain_case(), NumPy(), FLOAT32, repeat, 60)


def alternating(factor):
    """`simple`, with d_key multiplied by `factor` in every second call."""
    calls = itertools.count()

    def change(out, d_query, d_key, d_value):
        return out, d_query, d_key * np.float32(factor if next(calls) % 2 else 1), d_value

    return spoiled(change)


def test_equal_runs_have_no_noise():
    judgement = judge(simple, repeat=3)
    assert [verdict.verdict for verdict in judgement.verdicts] == ["PASS"] * 4
    assert (judgement.problems, judgement.noise, judgement.declined) == ((), {}, "")


def test_noise_within_the_bound_passes_and_is_reported():
    judgement = judge(alternating(1 + 2.0**-22), repeat=2)
    assert all(verdict.ok for verdict in judgement.verdicts)
    assert set(judgement.noise) == {"d_key"}
    assert 0 < judgement.noise["d_key"] < 1
    report = check(alternating(1 + 2.0**-22))
    assert report.ok
    assert any("results differ between runs; difference over bound: d_key" in note for note in report.notes)


def test_a_tensor_that_is_wrong_in_some_runs_fails_as_a_race():
    judgement = judge(alternating(1.5), repeat=4)
    assert judgement.problems == ("d_key is wrong in 2 of 4 runs only: a race?",)
    assert [v.tensor for v in judgement.verdicts if v.verdict == "FAIL"] == ["d_key"]


def test_an_exception_is_a_problem_and_not_implemented_is_declined():
    def raises(query, key, value):
        raise KeyError("no")

    def declines(query, key, value):
        raise NotImplementedError

    assert judge(raises).problems[0].startswith("raises KeyError: 'no'")
    assert judge(declines).declined == "NotImplementedError"


def test_results_have_the_dtype_of_the_inputs_but_for_single_numbers_and_float8():
    wide = {"out": CandidateArray(np.ones(3), "float64"), "d_scale": CandidateArray(np.ones(()), "float64")}
    assert other_dtypes(wide, FORMATS["float32"], NumPy()) == {"out": "float64"}
    assert other_dtypes(wide, FORMATS["float8_e4m3"], NumPy()) == {}


def test_lse_is_judged_in_its_own_format():
    array = CandidateArray(np.ones(3), "float64")
    assert result_format("lse", array, NumPy(), FLOAT32).name == "float64"
    assert result_format("out", array, NumPy(), FLOAT32).name == "float32"
    assert (
        result_format("lse", array, Emulated(), roundoff("bfloat16")).name == "bfloat16"
    )  # emulated in float32


def test_broken_laws_are_named():
    case = plain_case().case
    tensors = Candidate(simple, checked_convention()).call(case, NumPy()).tensors
    assert broken_laws(case, tensors, FLOAT32) == ()
    wrong = tensors["d_key"]._replace(numbers=tensors["d_key"].numbers * 2)
    assert any(law.startswith("law 2") for law in broken_laws(case, tensors | {"d_key": wrong}, FLOAT32))
    assert broken_laws(case, {"out": CandidateArray(np.ones(3), "float32")}, FLOAT32) == ()
