"""The sentence that names the mistake, for kernels that share no line with the planted faults."""

import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.referee.diagnosis import diagnose as module
from numpy_attention.check.referee.diagnosis.diagnose import diagnose
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.rounding.formats import roundoff
from tests.support.candidates import FEW
from tests.support.diagnosed import NUMPY, judged_with
from tests.support.naming import (
    conditional_mistakes,
    diagnosed,
    kernels,
    planted_mistakes,
    scaled_mistakes,
)
from tests.support.wrong_kernels import KERNELS

QUICK = [
    ("einsum", "plain-mean"),
    ("rows", "mask-strict"),
]


def sentence(change, faults=FEW, conditions=()):
    return diagnose(judged_with(change), roundoff("float32"), NUMPY, faults, conditions)


def named(kind, mistake, dtype="float32"):
    """True if the first words of the diagnosis of a wrong kernel are its mistake's."""
    report = na.check_candidate(
        KERNELS[kind](mistake),
        dtype=dtype,
        causal="bottom_right",
        mask="visible",
        profile="simple",
        faults=FEW,
    )
    return mistake in report.diagnosis


@pytest.mark.parametrize("kind, mistake", QUICK)
def test_a_mistake_of_a_strangers_kernel_is_named(kind, mistake):
    assert named(kind, mistake)


SAMPLE = (("NumPy, einsum", "float32", 3), ("NumPy, loops", "float64", 4), ("NumPy, tiles", "bfloat16", 2))
"""A kernel, a dtype, and which of its mistakes are tried: every third."""


@pytest.mark.slow
def test_nearly_every_mistake_is_named():
    named = [each for kind, dtype, every in SAMPLE for each in planted_mistakes(kind, dtype, every=every)]
    tried = [each for each in named if each.outcome != "passed"]
    missed = [each for each in tried if each.outcome != "right"]
    assert len(missed) <= 0.05 * len(tried), missed
    assert sum(each.diagnosis_seconds for each in tried) <= 2 * sum(each.check_seconds for each in tried)


@pytest.mark.slow
def test_a_constant_besides_a_mistake_is_named():
    assert {each.outcome for each in scaled_mistakes("NumPy, einsum", "float32", every=3)} == {"right"}


@pytest.mark.parametrize(
    "kind, mistake", [("NumPy, tiles", "lse-in-wrong-base"), ("NumPy, einsum", "softmax-over-queries")]
)
def test_a_mistake_is_named_beside_another_backward(kind, mistake):
    assert diagnosed(kind, "float32", mistake, kernels()[kind][0](mistake), "simple").outcome == "right"


def test_right_numbers_get_no_name():
    assert sentence(lambda name, x, case: x) == ""


def test_a_constant_is_named_by_what_it_equals():
    def wrong(name, x, case):
        return x / case.query.shape[-1] if name == "d_key" else x

    assert sentence(wrong) == "d_key is 1/D times the right one"


def test_a_condition_is_named():
    def wrong(name, x, case):
        return 1.5 * x if name == "d_query" and case.key.shape[-2] > 7 else x

    table = [("S odd", lambda spec: spec.shape.S % 2 == 1), ("S > 7", lambda spec: spec.shape.S > 7)]
    assert sentence(wrong, conditions=table) == "d_query is 1.5 times the right one, only where S > 7"


def test_a_place_is_named():
    def wrong(name, x, case):
        if name != "d_value":
            return x
        x = x.copy()
        x[1:] += 0.5
        return x

    assert sentence(wrong) == "d_value is wrong, only for batch entries above 0"


def test_what_fits_nothing_is_said_to_fit_nothing():
    def wrong(name, x, case):
        return x + 0.1 * abs(x) ** 0.5 if name == "out" else x

    assert sentence(wrong) == "no known mistake gives these numbers; the simplest failing case is below"


def test_faults_with_equal_numbers_are_named_together():
    of_scale = [fault("scale-squared"), fault("scale-by-width")]

    def wrong(name, x, case):
        return getattr(results(case, *of_scale[0].pair), name)

    assert "(scale-squared), or scale-by-width" in sentence(wrong, of_scale)


def test_every_hypothesis_is_tried_within_the_time(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "SHORTEST", 0.0)
    monkeypatch.setattr(module.Observation, "misfit_of", lambda self, *_: asked.append(self) or 0.0)
    diagnose(judged_with(lambda name, x, case: 2 * x), roundoff("float32"), NUMPY, FAULTS[:3], (), 0.0)
    assert len(set(asked)) <= module.FIRST


@pytest.mark.slow
def test_the_condition_of_most_conditional_mistakes_is_named():
    found = conditional_mistakes("NumPy, einsum", "float32", 40)
    assert sum(each.outcome == "right" for each in found) >= 0.8 * len(found), found
