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
from tests.support.wrong_kernels import KERNELS, MISTAKES

QUICK = [
    ("einsum", "plain-mean"),
    ("einsum", "bias-scaled"),
    ("rows", "mask-strict"),
    ("rows", "scale-missing"),
]
SHARE = 0.95
CANNOT = ("softmax-over-queries",)
"""Mistakes that the kernels make in another way than the planted fault."""


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


@pytest.mark.slow
@pytest.mark.parametrize("dtype, every", [("float64", 4), ("float32", 2)])
def test_nearly_every_mistake_is_named(dtype, every):
    tried = [(kind, each) for kind, some in MISTAKES.items() for each in some if each not in CANNOT][::every]
    missed = [each for each in tried if not named(*each, dtype)]
    assert len(missed) <= (1 - SHARE) * len(tried), missed


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
    monkeypatch.setattr(module.Observation, "misfit_of", lambda self, expectation: asked.append(self) or 0.0)
    diagnose(judged_with(lambda name, x, case: 2 * x), roundoff("float32"), NUMPY, FAULTS[:3], (), 0.0)
    assert len(set(asked)) <= module.FIRST


CONDITIONAL = {
    "D odd > 1": lambda q, k, v, options: q.shape[-1] % 2 == 1 and q.shape[-1] > 1,
    "D = 64": lambda q, k, v, options: q.shape[-1] == 64,
    "S > 128": lambda q, k, v, options: k.shape[-2] > 128,
    "L % 16 = 0": lambda q, k, v, options: q.shape[-2] % 16 == 0,
    "B = 1": lambda q, k, v, options: q.shape[0] == 1,
    "E > D": lambda q, k, v, options: v.shape[-1] > q.shape[-1],
    "softcap": lambda q, k, v, options: options["softcap"] is not None,
    "bias": lambda q, k, v, options: options["bias"] is not None,
}


def wrong_where(holds):
    """A right kernel whose d_query is 1.5 times too large where a condition holds."""
    right = KERNELS["einsum"]()

    def attention(
        query, key, value, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
        sinks=None, dropout=None, *, d_out,
    ):  # fmt: skip
        options = dict(causal=causal, window=window, mask=mask, bias=bias, scale=scale, softcap=softcap)
        results = right(query, key, value, **options, sinks=sinks, dropout=dropout, d_out=d_out)
        if holds(query, key, value, options):
            results["d_query"] = results["d_query"] * query.dtype.type(1.5)
        return results

    return attention


@pytest.mark.slow
def test_the_condition_of_a_conditional_mistake_is_named():
    found = {}
    for name, holds in CONDITIONAL.items():
        report = na.check_candidate(
            wrong_where(holds), profile="smoke", causal="bottom_right", mask="visible", faults=FEW
        )
        found[name] = report.diagnosis
    expected = {name: f"d_query is 1.5 times the right one, only where {name}" for name in CONDITIONAL}
    assert sum(found[name].startswith(words) for name, words in expected.items()) >= 0.8 * len(found), found
