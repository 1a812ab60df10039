"""Every feature of a drawn case changes the results by far more than the error bound."""

import numpy as np
import pytest

from numpy_attention.check.cases.compare import expected_results
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.profiles import Capabilities, profile
from numpy_attention.check.cases.sensitivity import (
    MIN_SENSITIVITY,
    ReferenceCase,
    reference_case,
    sensitivities,
)
from numpy_attention.check.cases.specification import EXTRAS, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_feature_of_every_case_matters(dtype):
    supported = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", dtype=dtype)
    for spec in profile("smoke", supported):
        drawn = reference_case(spec, roundoff(dtype))
        assert not drawn.weak, (spec.name, drawn.sensitivities)
        assert set(drawn.sensitivities) == set(drawn.case.features)
        assert spec.name == "plain" or drawn.sensitivities


def test_a_feature_without_effect_is_weak():
    case = draw_case(Specification("a bias of nothing", Shape(2, 6, 3, 11, 17, 7, 5), ("bias", "softcap")))
    case = case.rebuilt(options=case.options | {"bias": 1e-9 * case.options["bias"]})
    right = expected_results(case, roundoff("float32"))
    drawn = ReferenceCase(case, right, sensitivities(case, right))
    assert drawn.weak == ("bias",)
    assert drawn.sensitivities["softcap"] > MIN_SENSITIVITY


def test_sensitivity_is_the_largest_change_over_its_bound():
    case = draw_case(Specification("biased", Shape(1, 1, 1, 2, 3, 2, 2), ("bias",)))
    right = expected_results(case, roundoff("float32"))
    without = expected_results(case.without("bias"), roundoff("float32"))
    ratios = [
        np.max(np.abs(x - y) / right.allowed(name))
        for name, x, y in zip(right.values._fields, right.values, without.values, strict=True)
        if x is not None and y is not None
    ]
    assert sensitivities(case, right) == {"bias": pytest.approx(max(ratios))}


def test_a_case_with_one_key_has_no_sensitivities():
    drawn = reference_case(
        Specification("one key", Shape(2, 2, 2, 5, 1, 3, 2), ("bias",)), roundoff("float32")
    )
    assert drawn.sensitivities == {}
    assert drawn.weak == ()
